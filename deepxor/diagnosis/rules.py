"""Rules from recorded numbers to a verdict with evidence and advice; NumPy only.

A fault is something that keeps a model from learning, so every rule asks two things:
does the model fail to learn, and do the gradients or the activations, over the latest
records, say why? Small gradients alone are no fault: a model that has converged has
them, and so has one whose targets are small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deepxor import verdicts
from deepxor.diagnosis.evidence import Evidence, largest_of
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.verdicts import DEAD, EXPLODING, SATURATED, VANISHING

ADVICE_IN_TIME = (
    "Use an LSTM or GRU, or tanh or relu with a recurrent kernel that starts as the "
    "identity; shorter sequences; or attention or pooling over all steps in place of "
    "the last output."
)

ADVICE_DATA = (
    "Look at the data: at the inputs and the targets of that batch for NaN, infinity "
    "and numbers far larger than the others, and at divisions and logarithms in the "
    "loss."
)

ADVICE_NOTHING_ARRIVES = (
    "See that the loss depends on the weights: no stop_gradient, rounding or argmax in "
    "between, no activation that is dead for all inputs, and a loss weight above 0."
)


class Finding(NamedTuple):
    """Holds what a rule has found.

    Attributes:
        layer: The name of the layer where the fault shows; None for no layer in
            particular.
        evidence: One sentence with the numbers.
        advice: A sentence on what to change; None for the rule's own.
    """

    layer: str | None
    evidence: str
    advice: str | None = None


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


def find_not_finite(evidence: Evidence) -> Finding | None:
    """Finds NaN and infinity, which stay once they are in the weights.

    A single batch may overflow and be skipped, as with a LossScaleOptimizer. So the
    latest record must have them, unless they came after it.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    history = evidence.history
    bad = np.flatnonzero(history["non_finite"][-1] > 0)
    step, layer = int(history["step"][-1]), None
    is_later = history["first_bad"] is not None and history["first_bad"][0] > step
    is_loss_bad = evidence.loss_seen[-1] and not np.isfinite(history["loss"][-1])
    broken = _broken_weights(evidence)
    if not len(bad) and not is_later and not is_loss_bad and not len(broken):
        return None
    if len(bad) or len(broken):
        layer = evidence.layers[[*broken, *bad][-1]]
    if history["first_bad"] is not None:
        step, first = history["first_bad"]
        layer = first or layer
    before = np.asarray(history["global_norm"])[np.asarray(history["step"]) < step]
    before = before[np.isfinite(before)]
    grown = f" after {before.max():.1e} at most before" if len(before) else ""
    what = "loss" if layer is None else "gradient"
    text = f"The {what} is NaN or infinite since step {step}{grown}"
    if _came_at_once(evidence, step):
        text = f"{text}; it came at once, with the batch of one step, and not by growth"
        return Finding(layer, f"{text}.", ADVICE_DATA)
    return Finding(layer, f"{text}.")


def _broken_weights(evidence: Evidence) -> np.ndarray:
    """Returns the layers whose weights are NaN at the latest record that has weights.

    XLA's relu makes 0 of NaN, so that neither the loss nor a gradient need be NaN. If
    all weights of a record are NaN, it does not have weights.
    """
    weights, norms = evidence.window("weight_norm"), evidence.window("norm")
    measured = np.flatnonzero(np.isfinite(weights).any(axis=1))
    if not len(measured):
        return measured
    latest = measured[-1]
    return np.flatnonzero(np.isnan(weights[latest]) & ~np.isnan(norms[latest]))


def _came_at_once(evidence: Evidence, step: int) -> bool:
    """Returns whether NaN or infinity came with one batch, without growth before it."""
    history = evidence.history
    is_before = np.asarray(history["step"]) < step
    norm = np.asarray(history["global_norm"])[is_before]
    loss = np.asarray(history["loss"])[is_before]
    update = np.asarray(history["update_ratio"])[is_before]
    if not len(norm) or not np.isfinite(norm).all():
        return False
    usual = np.median(norm)
    is_steady = norm[-1] < THRESHOLDS.sudden * usual or norm[-1] == 0
    known = loss[~np.isnan(loss)]
    if len(known) and known[0] > 0:
        is_steady = is_steady and known[-1] < THRESHOLDS.growth * known[0]
    # After a step as large as the weights themselves, the next one may diverge, too.
    sizes = [largest_of(row) for row in update if not np.isnan(row).all()]
    return bool(is_steady and sizes and sizes[-1] < THRESHOLDS.update)


def find_nothing_arrives(evidence: Evidence) -> Finding | None:
    """Finds a model that has not learned, and of which no layer gets any gradient.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    seen = evidence.seen()
    if not len(seen) or evidence.is_learned or evidence.is_falling:
        return None
    if evidence.window("norm")[:, seen].any():
        return None
    return Finding(
        None,
        f"Every gradient is exactly zero since step {evidence.step} or before, and "
        f"{evidence.loss_says()}.",
    )


def find_dead(evidence: Evidence) -> Finding | None:
    """Finds a layer whose units are zero for every sample and pass no gradient back.

    Lu et al. 2020, "Dying ReLU and initialization". The gradient of the layers up to it
    is zero or nearly so, and the model learns no more than its last biases can.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    silent = np.flatnonzero(evidence.recent("dead_fraction") >= THRESHOLDS.dead)
    if not len(silent):
        return None
    share = evidence.recent("dead_fraction")
    # A layer that stops all of the gradient is named rather than one before it that is
    # only nearly dead.
    whole = silent[share[silent] == 1]
    layer = whole[0] if len(whole) else silent[0]
    norm = evidence.recent("norm")
    is_cut_off = norm[layer] < THRESHOLDS.vanishing * largest_of(norm)
    # Samples that were not looked at may still pass a gradient back.
    is_starved = layer > 0 and evidence.recent("zero_fraction")[0] > 0.5
    if not len(whole) and not is_starved:
        return None  # tiny weights also leave much of a layer at zero
    is_learning = evidence.is_falling or evidence.loss < 0.9 * evidence.first_loss
    if is_learning and not is_cut_off and not is_starved:
        return None  # it learns with the units that are left, or by another branch
    if evidence.has_grown(THRESHOLDS.collapse):
        return None  # the units died in an explosion, which a later rule finds
    return Finding(
        evidence.layers[layer],
        f"{share[layer]:.0%} of the units of {evidence.layers[layer]} are zero for "
        f"every sample since step {evidence.step} or before; {evidence.ends_say()}, "
        f"and {evidence.loss_says()}.",
    )


def find_saturated(evidence: Evidence) -> Finding | None:
    """Finds a layer whose activations are on their flat part, yet not zero.

    Glorot & Bengio 2010, section 3: a saturated layer passes no gradient to those
    before it.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    flat, dead = evidence.recent("saturated_fraction"), evidence.recent("dead_fraction")
    # A ReLU is flat where it is zero, so the share of dead units does not count.
    layers = np.flatnonzero(flat - dead >= THRESHOLDS.saturated)
    seen = evidence.seen()
    if not len(layers) or not len(seen) or evidence.is_falling:
        return None
    layer = layers[np.argmax(flat[layers])]
    norm = evidence.recent("norm")
    is_blocked = norm[seen[0]] < THRESHOLDS.blocked * norm[seen[-1]]
    if evidence.is_learned and not is_blocked:
        return None
    return Finding(
        evidence.layers[layer],
        f"{flat[layer]:.0%} of the outputs of {evidence.layers[layer]} are where the "
        f"activation is flat, since step {evidence.step} or before; "
        f"{evidence.ends_say()}, and {evidence.loss_says()}.",
    )


def find_exploding(evidence: Evidence) -> Finding | None:
    """Finds a loss that has grown, or updates too large for the loss to settle.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    steep = _find_steep(evidence)
    if steep is not None or evidence.is_learned:
        return steep
    update = evidence.recent("update_ratio")
    largest = largest_of(update)
    is_growing = largest > THRESHOLDS.moving and evidence.has_grown(THRESHOLDS.growth)
    is_thrown = largest > THRESHOLDS.update
    if not is_growing and not is_thrown and not evidence.has_grown(THRESHOLDS.collapse):
        return None
    if np.isnan(update).all():
        return Finding(None, f"{evidence.loss_says().capitalize()}.")
    layer = int(np.nanargmax(update))
    name = evidence.layers[layer]
    if np.isinf(update[layer]):
        return Finding(
            name,
            f"A step changes {name}, whose weights were all zero, and "
            f"{evidence.loss_says()}.",
        )
    return Finding(
        name,
        f"A step changes {name} by {update[layer]:.1e} of its weights, and "
        f"{evidence.loss_says()}.",
    )


def _find_steep(evidence: Evidence) -> Finding | None:
    """Finds a loss so steep that a hundredth of the weights more than doubles it.

    The loss is so steep if many layers or time steps multiply by far more than 1, even
    if it has come down from a larger first value. Targets of a large scale make large
    gradients, but no such steepness: norm times weights over loss is the logarithmic
    derivative of the loss.
    """
    norm, weight = evidence.recent("norm"), evidence.recent("weight_norm")
    loss = max(abs(evidence.loss), np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        steepness = norm * weight / loss
        is_steep = (norm > THRESHOLDS.huge) & (steepness > THRESHOLDS.steepness)
    if not is_steep.any():
        return None
    layer = int(np.argmax(np.where(is_steep, norm, 0)))
    times = steepness[layer] / 100
    much = f"{times:.1f} times" if np.isfinite(times) else "beyond all measure"
    return Finding(
        evidence.layers[layer],
        f"{evidence.layers[layer]} gets {norm[layer]:.1e}: a hundredth more of its "
        f"weights changes the loss {much}, and {evidence.loss_says()}.",
    )


def find_vanishing(evidence: Evidence) -> Finding | None:
    """Finds a gradient that is lost on its way to the first layer.

    Hochreiter 1991; Bengio et al. 1994. A small gradient at the first layer is no fault
    in a model that is still learning or has converged.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    seen = evidence.seen()
    if len(seen) < 2 or evidence.is_falling:
        return None
    norm = evidence.recent("norm")[seen]
    largest = norm[1:].max()
    share = THRESHOLDS.vanishing
    if evidence.is_learned:  # perhaps the last bias alone has learned
        share = THRESHOLDS.vanishing_learned
    if not norm[0] < share * largest:
        return None
    lost = "all of it is lost"
    if norm[0] > 0 and np.isfinite(largest):
        lost = f"{np.log10(largest / norm[0]):.1f} decades are lost"
    return Finding(
        evidence.layers[seen[0]],
        f"{evidence.ends_say()}: {lost} on the way since step {evidence.step} or "
        f"before, and {evidence.loss_says()}.",
    )


def find_forgetting(evidence: Evidence) -> Finding | None:
    """Finds a gradient that is lost over time steps in all of the recurrent layers.

    Hochreiter 1991; Pascanu et al. 2013, section 2.1. The norms do not show it, as the
    weights of these layers get the gradient of the last time steps. Not every task
    needs a long memory, so it is a fault only if the loss has not moved at all, though
    the weights have.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    is_stuck = evidence.is_flat and not evidence.is_falling and not evidence.is_learned
    if not is_stuck:
        return None
    ratio = evidence.recent("time_ratio")
    recurrent = np.flatnonzero(~np.isnan(ratio))
    if not len(recurrent) or (ratio[recurrent] >= THRESHOLDS.vanishing).any():
        return None
    if evidence.distance < THRESHOLDS.moved:
        return None
    layer = recurrent[0]
    lost = "All of the gradient is lost"
    if ratio[layer] > 0:
        lost = f"{-np.log10(ratio[layer]):.1f} decades of the gradient are lost"
    return Finding(
        evidence.layers[layer],
        f"In {evidence.layers[layer]} {lost[0].lower()}{lost[1:]} from the last step "
        f"of a sequence to its start, since step {evidence.step} or before, and "
        f"{evidence.loss_says()}.",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "not finite", EXPLODING, find_not_finite, verdicts.advice(EXPLODING),
        min_records=1,
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
)  # fmt: skip
