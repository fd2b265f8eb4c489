"""The picture of a sweep: a map of its score, or a line over a single axis."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from deepxor.palette import DPI
from deepxor.sweeps.cells import Cells
from deepxor.sweeps.picture.contours import draw_contours
from deepxor.sweeps.picture.curves import Curve, draw_curves
from deepxor.sweeps.picture.layout import Layout
from deepxor.sweeps.picture.line import draw_line
from deepxor.sweeps.picture.looks import (
    draw_errors,
    draw_hatches,
    draw_scores,
    not_trained,
)
from deepxor.sweeps.picture.style import (
    INCHES,
    MAP_STYLE,
    literal,
    score_label,
)

# The number of letters in a line of the title.
LETTERS = 80

# The number of entries in a line of the legend.
LEGEND_COLUMNS = 4


def draw(cells: Cells, curves: Sequence[Curve] = (), title: str = "") -> Figure:
    """Draws the score of each cell as a colour, or over a single axis as a line.

    Cells are hatched by their commonest verdict. Over them lie the contour at which the
    score is one half, that of its interval, and the theory's curves.

    Args:
        cells: The cells, of one or two axes; their names need not be trusted.
        curves: The curves, as `theory_curves` returns them.
        title: The title of the picture.

    Returns:
        The figure, whose first panel is that of the map or the line.
    """
    with matplotlib.rc_context(MAP_STYLE), warnings.catch_warnings():
        # Matplotlib warns of letters that its font lacks, as names may have them.
        warnings.simplefilter("ignore", UserWarning)
        engine = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
        figure = Figure(figsize=INCHES, dpi=DPI, layout=engine)
        if len(cells.axes) == 1:
            handles = draw_line(figure, cells)
        else:
            handles = _draw_map(figure, Layout.of(cells), curves)
        figure.axes[0].set_title(_wrapped(title))
        if handles:
            figure.legend(
                handles=handles, loc="outside lower left", ncols=LEGEND_COLUMNS,
                handlelength=2.6, handleheight=1.2, columnspacing=1.5,
            )  # fmt: skip
        # Once for all files, which would differ by the sizes of their letters.
        engine.execute(figure)
        figure.set_layout_engine("none")
        return figure


def _wrapped(title: str) -> str:
    """Returns a title in at most three lines."""
    return (
        literal(title)
        if len(title) <= LETTERS
        else "\n".join(
            map(literal, textwrap.wrap(title, LETTERS, max_lines=3, placeholder=" …"))
        )
    )


def _draw_map(figure: Figure, layout: Layout, curves: Sequence[Curve]) -> list[Artist]:
    panel = figure.add_subplot()
    scores = layout.grid("score")
    mesh = draw_scores(panel, layout.x.edges, layout.y.edges, scores)
    bar = figure.colorbar(mesh, ax=panel, label=score_label(layout.cells), pad=0.02)
    bar.outline.set_visible(False)
    for scale, axis in ((layout.x, panel.xaxis), (layout.y, panel.yaxis)):
        scale.draw(axis)
    handles: list[Artist] = [
        *draw_curves(panel, layout, curves),
        *draw_contours(panel, layout),
        *draw_hatches(
            panel, layout.x.edges, layout.y.edges, layout.grid("verdict"), scores
        ),
    ]
    if np.isnan(scores).any():
        handles.append(not_trained())
    rows, columns = np.nonzero(layout.grid("error") != "")
    if rows.size:
        x, y = layout.x.places[columns], layout.y.places[rows]
        size = min(12.0, max(3.0, 250 / max(scores.shape)))
        handles.append(draw_errors(panel, x, y, size))
    panel.set(xlim=layout.x.limits, ylim=layout.y.limits)
    return handles
