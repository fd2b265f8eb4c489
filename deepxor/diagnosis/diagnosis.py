"""A verdict on a training, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepxor import verdicts
from deepxor.diagnosis.causes.cause import Cause
from deepxor.diagnosis.causes.table import find_causes
from deepxor.diagnosis.evidence import Evidence, regular_records
from deepxor.diagnosis.rules import RULES
from deepxor.verdicts import HEALTHY, UNDECIDED


@dataclass(frozen=True)
class Diagnosis:
    """Holds a verdict on a training.

    Attributes:
        verdict: The name of the verdict, one of `deepxor.verdicts`.
        layer: The name of the layer where the fault shows; None if there is none.
        evidence: One sentence with the numbers that led to the verdict.
        advice: One sentence on what to change: the remedy of the first cause, if any
            is found.
        causes: At most three likely causes, the likeliest first.
    """

    verdict: str
    layer: str | None
    evidence: str
    advice: str
    causes: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        where = f" at {self.layer}" if self.layer else ""
        lines = [f"{self.verdict}{where}", self.evidence, *self._advice_lines()]
        return "\n  ".join(lines)

    def markdown(self) -> str:
        """Returns the diagnosis in Markdown, for TensorBoard's Text tab."""
        where = f" at `{self.layer}`" if self.layer else ""
        advice = "\n".join(self._advice_lines())
        return f"**{self.verdict}**{where}\n\n{self.evidence}\n\n{advice}"

    def texts(self) -> dict[str, str | None]:
        """Returns the diagnosis as texts, `gradient_flow.DIAGNOSIS_FIELDS` by name."""
        return {
            "verdict": self.verdict,
            "layer": self.layer,
            "evidence": self.evidence,
            "advice": self.advice,
            "causes": "\n".join(self._advice_lines()) if self.causes else None,
        }

    def _advice_lines(self) -> list[str]:
        """Returns the causes with their remedies, or the advice if there are none."""
        if not self.causes:
            return [self.advice]
        return [f"{number}. {cause}" for number, cause in enumerate(self.causes, 1)]


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history.

    Args:
        history: `GradientMonitor.history`.

    Returns:
        The diagnosis of the first of `RULES` that finds a fault, as a fault may be the
        cause of those of later rules. If no rule finds one, it is healthy, or undecided
        if the history is too short or too incomplete to say so.
    """
    history = regular_records(history)
    if len(history["step"]) == 0:
        return _undecided("No step was recorded.", history)
    evidence = Evidence(history)
    for rule in RULES:
        if len(history["step"]) < rule.min_records:
            continue
        found = rule.find(evidence)
        if found is None:
            continue
        missing = [name for name in rule.needs if not evidence.knows(name)]
        if missing:
            text = (
                f"Perhaps {rule.verdict}: {found.evidence} But {', '.join(missing)} is "
                "not known, and so not whether the model learns."
            )
            return _undecided(text, history)
        evidence.verdict = rule.verdict
        # A finding with an advice of its own is a fault of which the cause is known,
        # but for what the data say.
        causes = find_causes(evidence, is_static=found.advice is not None)
        advice = causes[0].remedy if causes else found.advice or rule.advice
        return Diagnosis(rule.verdict, found.layer, found.evidence, advice, causes)
    missing_text = evidence.missing()
    if missing_text is not None:
        return _undecided(missing_text, history)
    return Diagnosis(HEALTHY, None, evidence.summary(), verdicts.advice(HEALTHY))


def check_model(history: Mapping[str, Any]) -> Diagnosis | None:
    """Returns what the first record alone says against a model, before any training.

    It looks at the output activation and the loss against the targets, and at the scale
    of the inputs.

    Args:
        history: `GradientMonitor.history`, with at least one record.

    Returns:
        An undecided diagnosis with these causes; None if there are none.
    """
    causes = find_causes(Evidence(history), is_static=True)
    if not causes:
        return None
    text = "The first batch says, before any training:"
    return Diagnosis(UNDECIDED, None, text, causes[0].remedy, causes)


def _undecided(text: str, history: Mapping[str, Any]) -> Diagnosis:
    notes = "; ".join(
        f"{name}: {why}" for name, why in history.get("notes", {}).items()
    )
    if notes:
        text = f"{text} Not known: {notes}."
    return Diagnosis(UNDECIDED, None, text, verdicts.advice(UNDECIDED))
