"""Finds NaN, infinity, and losses and updates that are too large."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.evidence import Evidence, largest_of
from deepxor.diagnosis.finding import Finding
from deepxor.diagnosis.thresholds import THRESHOLDS

ADVICE_DATA = (
    "Look at the data: at the inputs and the targets of that batch for NaN, infinity "
    "and numbers far larger than the others, and at divisions and logarithms in the "
    "loss."
)


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


def find_amplified(evidence: Evidence) -> Finding | None:
    """Finds a gradient that grows on its way to the first layer, from the start.

    Schoenholz et al. 2017: so it does in a chaotic network, whose weights are too
    large. The first steps then throw the weights into saturation, or beyond, where the
    gradient may well be small. Units that are saturated or dead at the first record
    have another fault.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    norm = evidence.first("norm")
    seen = np.flatnonzero(np.isfinite(norm))
    if len(seen) < 2 or evidence.is_learned or evidence.is_falling:
        return None
    first, last = norm[seen[0]], norm[seen[-1]]
    if not 0 < last < THRESHOLDS.vanishing * first or _starts_stuck(evidence):
        return None
    names = evidence.layers[seen[0]], evidence.layers[seen[-1]]
    return Finding(
        names[0],
        f"At the first record {names[0]} gets {first:.1e} and {names[1]} {last:.1e}: "
        f"the gradient grows by {np.log10(first / last):.1f} decades on its way, and "
        f"{evidence.loss_says()}.",
    )


def _starts_stuck(evidence: Evidence) -> bool:
    """Returns whether units are saturated or dead at the first record."""
    shares = {
        "saturated_fraction": THRESHOLDS.saturated,
        "dead_fraction": THRESHOLDS.dead,
    }
    with np.errstate(invalid="ignore"):
        return any(
            bool((evidence.first(name) >= share).any())
            for name, share in shares.items()
        )
