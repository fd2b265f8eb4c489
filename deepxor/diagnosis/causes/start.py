"""Causes in the initial weights."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.causes.cause import Found
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.thresholds import THRESHOLDS


def bad_start(evidence: Evidence) -> Found | None:
    """Finds units that are dead or saturated from the first record on."""
    for quantity, word, share in (
        ("dead_fraction", "dead", THRESHOLDS.dead),
        ("saturated_fraction", "saturated", THRESHOLDS.saturated),
    ):
        first, now = evidence.first(quantity), evidence.recent(quantity)
        layers = np.flatnonzero((now >= share) & (first >= share))
        if len(layers):
            layer = layers[0]
            return Found(
                f"In {evidence.layers[layer]} {first[layer]:.0%} of the units are "
                f"{word} from the first record on."
            )
    return None


def equal_weights(evidence: Evidence) -> Found | None:
    """Finds hidden layers whose weights are all zero at the first record."""
    norms = evidence.first("weight_norm")
    zero = np.flatnonzero(norms[:-1] == 0)
    if len(evidence.layers) < 2 or not len(zero):
        return None
    return Found(
        f"The weights of {evidence.layers[zero[0]]} start at exactly zero, so that all "
        "its units stay alike."
    )


def shrinking_weights(evidence: Evidence) -> Found | None:
    """Finds a gradient that shrinks from layer to layer from the first record on."""
    norm = _norms_at_first(evidence)
    if len(norm) < 3 or not norm[0] < THRESHOLDS.shrunk * norm[1:].max():
        return None
    return Found(
        f"At the first record {evidence.layers[0]} gets {norm[0]:.1e} and others up to "
        f"{norm[1:].max():.1e}: each layer shrinks the gradient."
    )


def growing_weights(evidence: Evidence) -> Found | None:
    """Finds a gradient that grows from layer to layer from the first record on."""
    norm = _norms_at_first(evidence)
    if len(norm) < 3 or not norm[-1] < THRESHOLDS.shrunk * norm[:-1].max():
        return None
    return Found(
        f"At the first record {evidence.layers[-1]} gets {norm[-1]:.1e} and others up "
        f"to {norm[:-1].max():.1e}: each layer multiplies the gradient."
    )


def _norms_at_first(evidence: Evidence) -> np.ndarray:
    """Returns the norms of the first record, [layers]; empty if one is not known."""
    norm = np.asarray(evidence.history["norm"][0], float)
    return norm if np.isfinite(norm).all() else norm[:0]
