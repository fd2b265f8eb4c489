"""Lines of runs in the charts of the report, and their legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepxor.palette import (
    run_colour,
    run_dashes,
    run_marker,
)
from deepxor.report.run import ReportRun
from deepxor.report.style import short

# The largest number that is drawn: the axis of a larger one would have no ends.
_LARGEST = 1e100

# The largest number of names in a legend. With more runs there is none, and the table
# shows their colours.
MAX_NAMED = 14


def band_opacity(runs: Sequence[ReportRun]) -> float:
    """Returns the opacity of a band, which is smaller if there are more bands.

    Args:
        runs: The runs whose bands share a chart.

    Returns:
        The opacity, from 0.02 to 0.15.
    """
    return max(0.02, min(0.15, 1 / len(runs)))


def drawable(values: np.ndarray) -> np.ndarray:
    """Returns values, NaN where one is not finite or too large for an axis.

    Args:
        values: Values of any shape.
    """
    return np.where(np.abs(values) < _LARGEST, values, np.nan)


def draw_line(
    panel: Axes,
    x: np.ndarray,
    y: np.ndarray,
    index: int,
    run: ReportRun,
    mark: str = "",
) -> None:
    """Draws the line of a run, in its colour and dashes.

    Args:
        panel: The panel to draw into.
        x: The horizontal positions, [points].
        y: The values, [points]; those that cannot be drawn are left out.
        index: The place of the run among all runs, from 0.
        run: The run, whose name the legend shows.
        mark: The marker of matplotlib at every point; empty for none.
    """
    y = drawable(y)
    # A single point would not be visible as a line.
    marker = mark or (run_marker(index) if np.isfinite(y).sum() == 1 else "")
    # The zero-width space keeps names with an underscore in front in the legend.
    (line,) = panel.plot(
        x, y, color=run_colour(index), marker=marker, ms=3.5,
        label="\u200b" + short(run.name),
    )  # fmt: skip
    dashes = run_dashes(index)
    if dashes:
        # Matplotlib measures dashes in widths of the line, the palette in points.
        line.set_dashes([length / 1.6 for length in dashes])


def draw_legend(figure: Figure, panel: Axes) -> None:
    """Draws the names of the lines under a figure, unless they are too many.

    Args:
        figure: The figure.
        panel: A panel of the figure that has a line for every run.
    """
    handles, labels = panel.get_legend_handles_labels()
    if not 1 <= len(labels) <= MAX_NAMED:
        return
    legend = figure.legend(
        handles,
        [label.removeprefix("\u200b") for label in labels],
        loc="outside lower center",
        ncols=min(len(labels), 4),
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
