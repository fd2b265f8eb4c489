"""Values counted in bins, as TensorBoard's histograms take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of a histogram, as many as TensorBoard's own function has.
BINS = 30


# Values that lie closer together than this part of the largest are one spike.
_FLAT = 1e-6


def count(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts the finite values in bins of equal width over their range.

    `numpy.histogram` gives the same but for values within rounding of an edge.

    Args:
        values: Of any shape.
        bins: The number of bins.

    Returns:
        Edges [bins + 1] and counts [bins]; a single bin without width, which
        TensorBoard shows as a spike, where all values are the same.
    """
    # float64, as float32 overflows where a network diverges.
    values = values.ravel().astype(np.float64)
    if not np.isfinite(values).all():
        values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros(2), np.zeros(1, np.int64)
    low, high = float(values.min()), float(values.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return np.array([low, high]), np.array([values.size])
    scale = bins / (high - low)
    index = ((values - low) * scale).astype(np.int64)
    counts = np.bincount(np.minimum(index, bins - 1), minlength=bins)
    return np.linspace(low, high, bins + 1), counts


def count_each(
    arrays: Sequence[np.ndarray], bins: int
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Counts each of some arrays as `count` does; all at once, if all is finite.

    Args:
        arrays: Each of any shape, none empty.
        bins: The number of bins.

    Returns:
        The edges of each, and the counts of each.
    """
    values = np.concatenate([a.ravel() for a in arrays], dtype=np.float64)
    if not np.isfinite(values).all():
        edges, counts = zip(*(count(array, bins) for array in arrays), strict=True)
        return edges, counts
    sizes = [array.size for array in arrays]
    starts = np.cumsum([0, *sizes[:-1]])
    low = np.minimum.reduceat(values, starts)
    high = np.maximum.reduceat(values, starts)
    is_flat = high - low <= _FLAT * np.maximum(np.abs(low), np.abs(high))
    values -= np.repeat(low, sizes)
    values *= np.repeat(bins / np.where(is_flat, np.inf, high - low), sizes)
    index = np.minimum(values.astype(np.int64), bins - 1)
    index += np.repeat(bins * np.arange(len(sizes)), sizes)
    counts = np.bincount(index, minlength=bins * len(sizes)).reshape(-1, bins)
    edges = np.linspace(low, high, bins + 1, axis=1)
    flat = is_flat.tolist()
    return (
        [
            row[[0, -1]] if spike else row
            for row, spike in zip(edges, flat, strict=True)
        ],
        [row[:1] if spike else row for row, spike in zip(counts, flat, strict=True)],
    )
