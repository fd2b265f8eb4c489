"""Causes in the learning rate and the number of steps."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.causes.cause import Found
from deepxor.diagnosis.evidence import Evidence, largest_of
from deepxor.diagnosis.thresholds import THRESHOLDS


def died_in_training(evidence: Evidence) -> Found | None:
    """Finds units that are dead or saturated now, though not at the first record."""
    for quantity, word, share in (
        ("dead_fraction", "dead", THRESHOLDS.dead),
        ("saturated_fraction", "saturated", THRESHOLDS.saturated),
    ):
        first, now = evidence.first(quantity), evidence.recent(quantity)
        layers = np.flatnonzero((now >= share) & (first < 0.5 * share))
        if len(layers):
            layer = layers[0]
            return Found(
                f"In {evidence.layers[layer]} {now[layer]:.0%} of the units are "
                f"{word}, but only {first[layer]:.0%} were at the first record: large "
                f"steps have driven them there{evidence.rate_says()}."
            )
    return None


def large_updates(evidence: Evidence) -> Found | None:
    """Finds steps that change the weights by a large part of themselves.

    TheDeepChecker (Ben Braiek & Khomh 2022) takes a tenth.
    """
    ratios = np.asarray(evidence.history["update_ratio"], float)
    ratios = ratios[np.isfinite(ratios).any(axis=1)]
    if not len(ratios):
        return None
    largest = np.array([largest_of(row[np.isfinite(row)]) for row in ratios])
    often = float(np.median(largest))
    if often < THRESHOLDS.large_update and largest.max() < 1:
        return None
    return Found(
        f"A step changes a layer's weights by {often:.1e} of themselves in the median, "
        f"and by {largest.max():.1e} at most{evidence.rate_says()}."
    )


def small_updates(evidence: Evidence) -> Found | None:
    """Finds weights that have hardly moved in the whole training."""
    is_falling = evidence.slope < -THRESHOLDS.significant
    little = THRESHOLDS.moved_little if is_falling else THRESHOLDS.hardly_moved
    if not evidence.path < little:
        return None
    return Found(
        f"All updates together come to {evidence.path:.1e} of a layer's weights at "
        f"most{evidence.rate_says()}: the weights have hardly moved."
    )


def too_few_steps(evidence: Evidence) -> Found | None:
    """Finds a loss that was still falling at the end."""
    steps = int(evidence.history["step"][-1]) + 1
    if evidence.is_running:
        return None
    if evidence.slope < -THRESHOLDS.significant:
        return Found(
            f"The loss was still falling at the end, after {steps:,} steps: "
            f"{evidence.loss_says()}."
        )
    if steps <= THRESHOLDS.few_steps:
        return Found(f"There were only {steps:,} steps.")
    return None
