"""Where a map's accuracy falls below one half, in units of the theory's depth scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deepxor.sweeps.theory import CHAOTIC, ORDERED, propagate

ACTIVATION, BIAS_VARIANCE = "tanh", 0.05

# Near the critical line, at 1.76, xi_c is larger than any depth of the map. The bounds
# are those of the published analysis.
SIDES = {ORDERED: (0.0, 1.6), CHAOTIC: (2.2, np.inf)}

HALF = 0.5
BOOTSTRAPS = 2000


class Boundary(NamedTuple):
    """Holds where the accuracy falls below one half on one side of the critical line.

    Attributes:
        columns: The number of weight variances at which it does so within the map.
        median: The median of depth / xi_c over these.
        p10: The 10th percentile.
        p90: The 90th percentile.
        low: The lower end of the 95 % interval of the median; NaN without one.
        high: The upper end.
    """

    columns: int
    median: float
    p10: float
    p90: float
    low: float
    high: float


def crossing(depths: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Returns the depths at which the accuracy first falls below one half.

    Args:
        depths: The depths, in rising order, [depths].
        accuracy: The accuracies, [depths, ...].

    Returns:
        The depths, interpolated, [...]; NaN where the accuracy stays above one half, or
        is below it from the first depth on.
    """
    is_below = accuracy < HALF
    first = is_below.argmax(axis=0)
    is_known = is_below.any(axis=0) & (first > 0)
    after, before = first[None], np.maximum(first - 1, 0)[None]
    low = np.take_along_axis(accuracy, after, 0)[0]
    high = np.take_along_axis(accuracy, before, 0)[0]
    # Where there is no crossing, the quotient says nothing.
    fall = np.where(is_known, high - low, 1.0)
    share = (high - HALF) / fall
    found = depths[before[0]] + share * (depths[after[0]] - depths[before[0]])
    return np.where(is_known, found, np.nan)


def boundary(
    depths: np.ndarray, variances: np.ndarray, accuracy: np.ndarray, side: str
) -> Boundary:
    """Returns the boundary of a map on one side of the critical line.

    The interval is that of a bootstrap: the networks of each cell are drawn again.

    Args:
        depths: The depths, in rising order, [depths].
        variances: The weight variances, [variances].
        accuracy: The accuracies of the networks, [depths, variances, networks].
        side: `ORDERED` or `CHAOTIC`.
    """
    low, high = SIDES[side]
    chosen = (variances > low) & (variances < high)
    accuracy = accuracy[:, chosen]
    xi_c = propagate(ACTIVATION, variances[chosen], BIAS_VARIANCE).xi_c
    ratio = crossing(depths, accuracy.mean(axis=2)) / xi_c
    known = ratio[np.isfinite(ratio)]
    p10, median, p90 = np.percentile(known, (10, 50, 90))
    networks = accuracy.shape[2]
    interval = (np.nan, np.nan)
    if networks > 1:
        rng = np.random.default_rng(0)
        medians = []
        for _ in range(BOOTSTRAPS):
            drawn = rng.integers(0, networks, accuracy.shape)
            means = np.take_along_axis(accuracy, drawn, 2).mean(axis=2)
            medians.append(np.nanmedian(crossing(depths, means) / xi_c))
        interval = tuple(np.percentile(medians, (2.5, 97.5)))
    return Boundary(len(known), median, p10, p90, *interval)
