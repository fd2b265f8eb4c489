"""A sweep over a single axis: a line with intervals, and a strip of the cells."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from deepxor.palette import run_colour
from deepxor.sweeps.cells import Cells
from deepxor.sweeps.picture.looks import (
    draw_errors,
    draw_hatches,
    draw_scores,
    not_trained,
)
from deepxor.sweeps.picture.scale import Scale
from deepxor.sweeps.picture.style import EDGE, score_label

# A colour that shows on white and on black paper.
LINE = run_colour(0)

# The strip spans this height, and the panel of the line is so many times as high.
STRIP = np.array([0.0, 1.0])
HEIGHTS = (8, 1)


def draw_line(figure: Figure, cells: Cells) -> list[Artist]:
    """Draws the score over the only axis of a sweep, with its 95 % interval.

    Args:
        figure: The figure to draw into, which gets a panel for the line and one for a
            strip of the cells, coloured and hatched as on a map.
        cells: The cells, of one axis.

    Returns:
        What a legend shows.
    """
    scale = Scale.of(cells.axes[0])
    score, low, high, verdicts, errors = (
        np.asarray(cells.table[column])[scale.order]
        for column in ("score", "score_low", "score_high", "verdict", "error")
    )
    panel, strip = figure.subplots(2, 1, sharex=True, height_ratios=HEIGHTS)
    # An interval that is not known has no bar.
    bars = np.nan_to_num(np.abs(np.array([score - low, high - score])))
    panel.errorbar(
        scale.places, score, bars, fmt="o-" if scale.is_numeric else "o", color=LINE,
        elinewidth=1.6, capsize=4, ms=7,
    )  # fmt: skip
    panel.set(ylim=(-0.03, 1.03), xlim=scale.limits, ylabel=score_label(cells))
    panel.axhline(0.5, color=EDGE, lw=1, ls=":", zorder=0)
    panel.tick_params(labelbottom=False)
    scores = score[None]
    draw_scores(strip, scale.edges, STRIP, scores)
    handles = draw_hatches(strip, scale.edges, STRIP, verdicts[None], scores)
    if np.isnan(score).any():
        handles.append(not_trained())
    failed = scale.places[errors != ""]
    if failed.size:
        handles.append(draw_errors(strip, failed, np.full(len(failed), 0.5), 10.0))
    strip.set(yticks=[], ylim=STRIP)
    scale.draw(strip.xaxis)
    return handles
