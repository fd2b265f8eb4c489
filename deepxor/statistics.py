"""Pure functions of the numbers that a monitor has kept; no TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

# The log10 of a smaller norm is shown as this one: an exact zero needs a finite place,
# and the zero fraction says which norms are exactly zero.
LOG10_FLOOR = -12.0

# Histograms of log10 norms use bins of a fifth of a decade between the floor and this
# ceiling. float32 norms end near 1e38, but no network trains with a norm over 1e6.
LOG10_CEILING = 6.0
BINS_PER_DECADE = 5
LOG10_EDGES = np.linspace(
    LOG10_FLOOR,
    LOG10_CEILING,
    round((LOG10_CEILING - LOG10_FLOOR) * BINS_PER_DECADE) + 1,
)


def log10_norm(norm: np.ndarray) -> np.ndarray:
    """Returns log10 of norms, floored at `LOG10_FLOOR`; NaN and infinity stay.

    Args:
        norm: Norms of any shape, none of them negative.

    Returns:
        An array of the same shape and type.
    """
    # np.log has a vectorised float32 kernel, np.log10 has none; the difference is
    # within two units in the last place.
    scale = norm.dtype.type(1 / np.log(10))
    return np.log(np.maximum(norm, norm.dtype.type(10.0**LOG10_FLOOR))) * scale


def bin_counts(bins: np.ndarray) -> np.ndarray:
    """Counts the norms of each layer in the bins of `LOG10_EDGES`.

    Args:
        bins: The number of the bin of each norm, uint8 [steps, layers, R]; a norm that
            counts in no bin has the number of bins.

    Returns:
        The counts, int64 [layers, bins].
    """
    most = len(LOG10_EDGES)
    layers = np.moveaxis(bins, 1, 0)
    counts = [np.bincount(layer.ravel(), minlength=most) for layer in layers]
    return np.array(counts)[:, :-1]


def finite_percentiles(values: np.ndarray, *percents: float) -> np.ndarray:
    """Returns percentiles along the last axis of the values that are finite.

    Args:
        values: An array [..., n].
        *percents: The percentiles to return, each from 0 to 100.

    Returns:
        An array [percents, ...]; NaN where no value is finite.
    """
    if np.isfinite(values).all():
        return np.percentile(values, percents, axis=-1)
    rows = values.reshape(-1, values.shape[-1])
    result = np.full((len(percents), len(rows)), np.nan)
    for i, row in enumerate(rows):
        row = row[np.isfinite(row)]
        if row.size:
            result[:, i] = np.percentile(row, percents)
    return result.reshape(len(percents), *values.shape[:-1])


def finite_mean(values: np.ndarray) -> np.ndarray:
    """Returns the mean along the last axis of the values that are finite.

    Args:
        values: An array of floats [..., n].

    Returns:
        An array [...]; NaN where no value is finite.
    """
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    total = np.where(finite, values, 0).sum(axis=-1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def finite_or_nan(value: float | np.floating[Any]) -> float:
    """Returns a number, or NaN if it is not finite.

    Args:
        value: The number.
    """
    return float(value) if np.isfinite(value) else float("nan")


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Returns a ratio of norms; NaN where one is not finite or the divisor is 0.

    Args:
        above: Norms, of any shape.
        below: The norms to divide by, of a shape that goes with it.
    """
    above, below = np.broadcast_arrays(above, below)
    is_defined = np.isfinite(above) & np.isfinite(below) & (below > 0)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=is_defined)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a rate (Wilson 1927).

    Args:
        successes: The number of successes, from 0 to `trials`.
        trials: The number of trials, at least 1.

    Returns:
        The lower and the upper end, from 0 to 1.

    Example:
        >>> low, high = wilson_interval(9, 10)
        >>> f"{low:.2f} to {high:.2f}"
        '0.60 to 0.98'
    """
    from scipy.stats import binomtest  # half a second that --quiet need not spend

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
