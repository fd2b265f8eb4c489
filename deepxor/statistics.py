"""Pure functions on the numbers that a monitor has kept; NumPy only."""

from __future__ import annotations

import numpy as np

# Norms below this are shown as this: log10 of an exact zero has to be something, and
# the zero fraction says which norms are exactly zero.
LOG10_FLOOR = -12.0

# Histograms of log10 norms use these bins: a fifth of a decade each. float32 norms end
# near 1e38, but a norm over 1e6 has long stopped being a gradient one can train with.
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
        norm: Of any shape, none negative.

    Returns:
        The same shape and type.
    """
    # np.log has a vectorised float32 kernel, np.log10 has none; the difference is
    # within two units in the last place.
    scale = norm.dtype.type(1 / np.log(10))
    return np.log(np.maximum(norm, norm.dtype.type(10.0**LOG10_FLOOR))) * scale


def bin_counts(bins: np.ndarray) -> np.ndarray:
    """Counts norms in the bins of `LOG10_EDGES`, layer by layer.

    Args:
        bins: uint8 [steps, layers, R], the numbers of their bins; that of one that
            counts nowhere is the number of bins.

    Returns:
        int64 [layers, bins].
    """
    most = len(LOG10_EDGES)
    layers = np.moveaxis(bins, 1, 0)
    counts = [np.bincount(layer.ravel(), minlength=most) for layer in layers]
    return np.array(counts)[:, :-1]


def finite_percentiles(values: np.ndarray, *percents: float) -> np.ndarray:
    """Returns percentiles along the last axis of the values that are finite.

    Args:
        values: [..., n].
        *percents: Each from 0 to 100.

    Returns:
        [percents, ...]; NaN where no value is finite.
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
        values: float [..., n].

    Returns:
        [...]; NaN where no value is finite.
    """
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    total = np.where(finite, values, 0).sum(axis=-1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a rate (Wilson 1927).

    Args:
        successes: From 0 to `trials`.
        trials: At least 1.

    Returns:
        The lower and the upper end.
    """
    from scipy.stats import binomtest  # half a second that --quiet need not spend

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
