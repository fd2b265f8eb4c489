"""Counts of values in bins, for TensorBoard's histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# The number of bins of a histogram, as in TensorBoard's own function.
BINS = 30


# Values whose range is a smaller share of the largest one are shown as one spike.
_FLAT = 1e-6


def count(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts the finite values in bins of equal width over their range.

    `numpy.histogram` gives the same but for values within rounding of an edge.

    Args:
        values: An array of any shape.
        bins: The number of bins.

    Returns:
        The edges, [bins + 1], and the counts, [bins]. If all values are the same, there
        is a single bin without width, which TensorBoard shows as a spike.

    Example:
        >>> edges, counts = count(np.array([0.0, 1.0, 1.0, 4.0, np.inf]), bins=2)
        >>> edges.tolist(), counts.tolist()
        ([0.0, 2.0, 4.0], [3, 1])
    """
    # The type is float64, as float32 overflows if a network diverges.
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
    """Counts the finite values of each array in bins, as `count` does.

    If all values are finite, all arrays are counted at once, which is faster.

    Args:
        arrays: Arrays of any shapes, none of them empty.
        bins: The number of bins.

    Returns:
        The edges of each array, and the counts of each array.
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
