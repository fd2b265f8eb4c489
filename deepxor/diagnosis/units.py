"""Finds layers whose units are dead or saturated."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.evidence import Evidence, largest_of
from deepxor.diagnosis.finding import Finding
from deepxor.diagnosis.thresholds import THRESHOLDS


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
    if evidence.has_skill:
        return None  # the model does without them
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
    if evidence.has_skill:
        return None  # a sigmoid that is confident and right is flat, too
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
