"""Rules from recorded numbers to a verdict with evidence and advice; NumPy only.

A fault is something that keeps a model from learning, so every rule asks two things:
does the model fail to learn, and do the gradients or the activations, over the latest
records, say why? Small gradients alone are no fault: a model that has converged has
them, and so has one whose targets are small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepxor import verdicts
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.exploding import (
    find_amplified,
    find_exploding,
    find_not_finite,
)
from deepxor.diagnosis.finding import Finding
from deepxor.diagnosis.learning import find_not_learning
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.diagnosis.units import find_dead, find_saturated
from deepxor.diagnosis.vanishing import (
    ADVICE_NOTHING_ARRIVES,
    find_forgetting,
    find_nothing_arrives,
    find_vanishing,
)
from deepxor.verdicts import DEAD, EXPLODING, NOT_LEARNING, SATURATED, VANISHING

ADVICE_IN_TIME = (
    "Use an LSTM or GRU, or tanh or relu with a recurrent kernel that starts as the "
    "identity; shorter sequences; or attention or pooling over all steps in place of "
    "the last output."
)


@dataclass(frozen=True)
class Rule:
    """Describes a rule, which leads from evidence to a verdict.

    Attributes:
        name: The name of the fault.
        verdict: The verdict if the rule finds the fault, one of `deepxor.verdicts`.
        find: A function of the evidence that returns a finding, or None.
        advice: A sentence on what to change.
        needs: The keys of the history without which the rule cannot decide.
        min_records: The smallest number of records from which the rule can decide.
    """

    name: str
    verdict: str
    find: Callable[[Evidence], Finding | None]
    advice: str
    needs: tuple[str, ...] = ()
    min_records: int = THRESHOLDS.min_records


RULES: tuple[Rule, ...] = (
    Rule(
        "not finite", EXPLODING, find_not_finite, verdicts.advice(EXPLODING),
        min_records=1,
    ),
    Rule(
        "amplified", EXPLODING, find_amplified, verdicts.advice(EXPLODING),
        needs=("norm", "loss"),
    ),
    Rule(
        "dead", DEAD, find_dead, verdicts.advice(DEAD), needs=("dead_fraction", "loss")
    ),
    Rule(
        "saturated", SATURATED, find_saturated, verdicts.advice(SATURATED),
        needs=("saturated_fraction", "loss"),
    ),
    Rule(
        "exploding", EXPLODING, find_exploding, verdicts.advice(EXPLODING),
        needs=("loss",),
    ),
    Rule(
        "vanishing", VANISHING, find_vanishing, verdicts.advice(VANISHING),
        needs=("loss",),
    ),
    Rule(
        "vanishing in time", VANISHING, find_forgetting, ADVICE_IN_TIME,
        needs=("time_ratio", "loss"),
    ),
    Rule(
        "nothing arrives", DEAD, find_nothing_arrives, ADVICE_NOTHING_ARRIVES,
        needs=("norm",),
    ),
    Rule(
        "not learning", NOT_LEARNING, find_not_learning,
        verdicts.advice(NOT_LEARNING), needs=("loss",),
    ),
)  # fmt: skip
