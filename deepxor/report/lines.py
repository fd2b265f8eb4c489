"""Lines of the runs of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepxor.palette import (
    run_colour,
    run_dashes,
)
from deepxor.report.run import ReportRun
from deepxor.report.style import short

# As many names fit into a legend; with more, the colours of the table have to do.
MAX_NAMED = 14


def band_opacity(runs: Sequence[ReportRun]) -> float:
    """Returns the opacity of a band: of many bands, each less.

    Args:
        runs: Those whose bands share a chart.
    """
    return max(0.02, min(0.15, 1 / len(runs)))


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
        panel: Where it is drawn.
        x: [points].
        y: [points]; what is not finite is left out.
        index: The run's place among the runs.
        run: The run, whose name the legend shows.
        mark: A marker of matplotlib's at every point; empty for none.
    """
    y = np.where(np.isfinite(y), y, np.nan)
    # A single point is no line.
    marker = mark or ("o" if np.isfinite(y).sum() == 1 else "")
    # An underscore in front would hide a name from the legend.
    (line,) = panel.plot(
        x, y, color=run_colour(index), marker=marker, ms=3.5,
        label="\u200b" + short(run.name),
    )  # fmt: skip
    dashes = run_dashes(index)
    if dashes:
        # Matplotlib counts in widths of the line, the palette in points.
        line.set_dashes([length / 1.6 for length in dashes])


def draw_legend(figure: Figure, panel: Axes) -> None:
    """Draws the names of the lines under a figure, unless they are too many.

    Args:
        figure: The figure.
        panel: One that has a line of every run.
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
