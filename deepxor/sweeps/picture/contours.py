"""Where the score of a map is one half, and where it may be."""

from __future__ import annotations

import itertools
from typing import Any

import contourpy
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from deepxor.palette import INK
from deepxor.sweeps.picture.layout import Layout
from deepxor.sweeps.picture.scale import Scale
from deepxor.sweeps.picture.style import halo

HALF = 0.5


def contour(x: Scale, y: Scale, grid: np.ndarray) -> list[np.ndarray]:
    """Returns the lines along which a map is one half.

    Values are interpolated between the cells' places; where names lie along an axis, in
    the direction of the other axis alone.

    Args:
        x: The horizontal scale.
        y: The vertical scale.
        grid: The values, [vertical, horizontal]; NaN where they are not known.

    Returns:
        The lines, each an array of coordinates [points, 2].
    """
    if x.is_numeric and y.is_numeric:
        if min(grid.shape) < 2:
            return []
        masked = np.ma.masked_invalid(grid)
        lines = contourpy.contour_generator(
            x.places, y.places, masked, corner_mask=False
        ).lines(HALF)
        # While cells are missing, four of them alone make no contour.
        least = 3 if masked.mask.any() else 2
        return [np.asarray(line) for line in lines if len(line) >= least]
    if y.is_numeric:
        return _crossings(x.edges, y.places, grid.T)
    if x.is_numeric:
        lines = _crossings(y.edges, x.places, grid)
        return [line[:, ::-1] for line in lines]
    return []


def _crossings(
    edges: np.ndarray, places: np.ndarray, columns: np.ndarray
) -> list[np.ndarray]:
    """Returns a line across each column at each place where it crosses one half."""
    lines = []
    for column, (left, right) in zip(columns, itertools.pairwise(edges), strict=True):
        before, after = column[:-1] - HALF, column[1:] - HALF
        is_known = np.isfinite(before) & np.isfinite(after)
        for i in np.flatnonzero(is_known & ((before >= 0) != (after >= 0))):
            share = before[i] / (before[i] - after[i])
            place = places[i] + share * (places[i + 1] - places[i])
            lines.append(np.array([[left, place], [right, place]]))
    return lines


def draw_contours(panel: Axes, layout: Layout) -> list[Line2D]:
    """Draws the contour of one half and the contours of the ends of its interval.

    Args:
        panel: The panel of the map.
        layout: The layout of the map.

    Returns:
        What a legend shows of the lines that were drawn.
    """
    looks = (
        (("score_low", "score_high"), "its 95 % interval", 1.1, (0, (3, 2))),
        (("score",), "score 1/2", 2.4, "solid"),
    )
    handles = []
    for columns, label, width, style in looks:
        lines = [
            line
            for column in columns
            for line in contour(layout.x, layout.y, layout.grid(column))
        ]
        if lines:
            look: Any = {"lw": width, "ls": style, "path_effects": halo(width + 1.8)}
            panel.add_collection(
                LineCollection(lines, colors=INK, zorder=3, **look), autolim=False
            )
            handles.append(Line2D([], [], color=INK, label=label, **look))
    return handles[::-1]
