"""Scores as colours."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from deepxor.palette import NOT_RECORDED
from deepxor.sweeps.picture.style import SCORE_COLOURS


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
