"""Finds gradients that are lost on their way through layers or through time."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.finding import Finding
from deepxor.diagnosis.thresholds import THRESHOLDS

ADVICE_NOTHING_ARRIVES = (
    "See that the loss depends on the weights: no stop_gradient, rounding or argmax in "
    "between, no activation that is dead for all inputs, and a loss weight above 0."
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
    if len(seen) < 2 or evidence.is_falling or evidence.has_skill:
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
