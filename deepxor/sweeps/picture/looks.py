"""The looks of cells: a colour for the score, hatches for the verdict, a cross."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from deepxor.palette import INK, NOT_RECORDED, VERMILION
from deepxor.sweeps.picture.style import PAPER, SCORE_COLOURS, halo
from deepxor.verdicts import (
    DEAD,
    EXPLODING,
    HEALTHY,
    NOT_LEARNING,
    SATURATED,
    UNDECIDED,
    VANISHING,
    VERDICTS,
)

# The gradient falls, or rises, in the direction of the lines.
HATCHES = {
    HEALTHY: "",
    VANISHING: "\\\\",
    EXPLODING: "//",
    DEAD: "xx",
    SATURATED: "--",
    NOT_LEARNING: "++",
    UNDECIDED: "||",
}

# Hatches on colours of less than this lightness are white.
DARK = 0.5


def draw_scores(
    panel: Axes, x_edges: np.ndarray, y_edges: np.ndarray, scores: np.ndarray
) -> QuadMesh:
    """Draws scores as colours; those that are not known look as not recorded.

    Args:
        panel: The panel to draw into.
        x_edges: Where cells begin, and where the last one ends, [horizontal + 1].
        y_edges: Likewise, [vertical + 1].
        scores: The scores, [vertical, horizontal].

    Returns:
        The mesh, for a colour bar.
    """
    colours = matplotlib.colormaps[SCORE_COLOURS].with_extremes(bad=NOT_RECORDED)
    return panel.pcolormesh(
        x_edges, y_edges, np.ma.masked_invalid(scores), cmap=colours, vmin=0, vmax=1,
        rasterized=True,
    )  # fmt: skip


def draw_hatches(
    panel: Axes,
    x_edges: np.ndarray,
    y_edges: np.ndarray,
    verdicts: np.ndarray,
    scores: np.ndarray,
) -> list[Artist]:
    """Draws the hatches of cells over their colours.

    Args:
        panel: The panel to draw into.
        x_edges: Where cells begin, and where the last one ends, [horizontal + 1].
        y_edges: Likewise, [vertical + 1].
        verdicts: The commonest verdict of each cell, [vertical, horizontal].
        scores: The score of each cell, likewise.

    Returns:
        What a legend shows of the hatches that were drawn.
    """
    is_dark = _lightness(scores) < DARK
    handles: list[Artist] = []
    for verdict in VERDICTS:
        hatch, has_verdict = HATCHES[verdict.name], verdicts == verdict.name
        if not hatch or not has_verdict.any():
            continue
        for where, ink in (
            (has_verdict & is_dark, PAPER),
            (has_verdict & ~is_dark, INK),
        ):
            if where.any():
                # One path for all cells: a file of 3,600 patches would be large.
                path = _cells(x_edges, y_edges, where)
                panel.add_patch(PathPatch(path, fc="none", ec=ink, lw=0, hatch=hatch))
        label = verdict.name.replace("_", " ")
        handles.append(Patch(fc=PAPER, ec=INK, lw=0.8, hatch=hatch * 2, label=label))
    return handles


def _lightness(scores: np.ndarray) -> np.ndarray:
    """Returns the lightness of the colours of scores, from 0 to 1."""
    colours = matplotlib.colormaps[SCORE_COLOURS](np.nan_to_num(scores))
    return np.asarray(colours[..., :3] @ [0.299, 0.587, 0.114])


def _cells(x_edges: np.ndarray, y_edges: np.ndarray, where: np.ndarray) -> Path:
    """Returns the outlines of cells; neighbours in a row are one rectangle."""
    corners = []
    for row, is_in in enumerate(where):
        changes = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]])))
        for start, end in changes.reshape(-1, 2):
            left, right = x_edges[start], x_edges[end]
            low, high = y_edges[row], y_edges[row + 1]
            corners.append(
                [(left, low), (right, low), (right, high), (left, high), (left, low)]
            )
    codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
    return Path(np.concatenate(corners), codes * len(corners))


def draw_errors(panel: Axes, x: np.ndarray, y: np.ndarray, size: float) -> Line2D:
    """Draws a cross on each cell that has an error.

    Args:
        panel: The panel to draw into.
        x: The coordinates of the cells, [cells].
        y: Likewise.
        size: The size of the crosses in points.

    Returns:
        A cross for a legend, of a size that can be seen.
    """
    look: Any = {"marker": "x", "color": VERMILION, "ls": "none"}
    width = max(1.0, size / 5)
    panel.plot(x, y, ms=size, mew=width, path_effects=halo(2 * width), zorder=4, **look)
    return Line2D([], [], ms=9, mew=2, label="error", **look)


def not_trained() -> Patch:
    """Returns what a legend shows of cells that are not trained."""
    return Patch(fc=NOT_RECORDED, label="not trained")
