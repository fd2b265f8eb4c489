"""Charts of cost, accuracy and solved rate by step, each with all runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepxor.palette import run_colour
from deepxor.report.lines import band_opacity, draw_legend, draw_line, drawable
from deepxor.report.run import ReportRun
from deepxor.report.step_axis import StepAxis
from deepxor.report.style import as_svg


def curves_svg(runs: Sequence[ReportRun]) -> str | None:
    """Returns charts of cost, accuracy and solved rate by step, each with all runs.

    Args:
        runs: The runs in the order of their colours.

    Returns:
        The charts as SVG; None if no run recorded any of the three.
    """
    tags = ["cost"] if any(_cost_tag(run) for run in runs) else []
    for tag in ("accuracy", "solved"):
        if any(run.events.scalars.get(tag) for run in runs):
            tags.append(tag)
    if not tags:
        return None

    def draw() -> Figure:
        widths = {1: [1.0], 2: [1.6, 1.0], 3: [1.6, 1.0, 1.0]}[len(tags)]
        figure = Figure(figsize=(11.0, 3.6), layout="constrained")
        axes = figure.subplots(1, len(tags), width_ratios=widths, squeeze=False)[0]
        axis = _step_axis(runs, tags)
        for panel, tag, share in zip(axes, tags, widths, strict=True):
            if tag == "cost":
                _draw_costs(panel, runs, axis)
            else:
                _draw_rates(panel, runs, tag, axis)
            axis.draw(panel, 9.5 * share / sum(widths))
            panel.set_title(TITLES[tag])
        draw_legend(figure, axes[0])
        return figure

    return as_svg(draw)


TITLES = {
    "cost": "cost: median, band p10 to p90",
    "accuracy": "accuracy: mean",
    "solved": "fraction of networks that solve it",
}


def _cost_tag(run: ReportRun) -> str | None:
    """Returns the tag of a run's loss by step, or None if it recorded none.

    A loss by epoch does not count, as it has another axis.
    """
    for tag in ("cost", "loss", "batch_loss"):
        if run.events.scalars.get(tag):
            return tag
    return None


def _step_axis(runs: Sequence[ReportRun], tags: Sequence[str]) -> StepAxis:
    """Returns the axis from the first to the last step of all lines."""
    steps: set[int] = set()
    for run in runs:
        for tag in tags:
            shown = _cost_tag(run) if tag == "cost" else tag
            steps |= run.events.scalars.get(shown or "", {}).keys()
    return StepAxis(min(steps), max(steps))


def _draw_costs(panel: Axes, runs: Sequence[ReportRun], axis: StepAxis) -> None:
    lowest, highest = math.inf, 0.0
    for i, run in enumerate(runs):
        tag = _cost_tag(run)
        if tag is None:
            continue
        steps, values = _series(run, tag)
        shown = values[np.isfinite(values)]
        if shown.size:
            lowest, highest = min(lowest, shown.min()), max(highest, shown.max())
        low, high = (_series(run, f"{tag}/{end}") for end in ("p10", "p90"))
        if np.array_equal(low[0], high[0]) and len(low[0]):
            panel.fill_between(
                axis.positions(low[0]),
                low[1],
                high[1],
                color=run_colour(i),
                alpha=band_opacity(runs),
                lw=0,
            )
        draw_line(panel, axis.positions(steps), values, i, run)
    if lowest > 0 and highest > 30 * lowest:
        panel.set_yscale("log")
        panel.set_ylim(bottom=lowest / 3)
    elif lowest >= 0:
        panel.set_ylim(bottom=0)


def _draw_rates(
    panel: Axes, runs: Sequence[ReportRun], tag: str, axis: StepAxis
) -> None:
    for i, run in enumerate(runs):
        steps, values = _series(run, tag)
        draw_line(panel, axis.positions(steps), values, i, run)
    panel.set_ylim(-0.03, 1.03)


def _series(run: ReportRun, tag: str) -> tuple[np.ndarray, np.ndarray]:
    values = run.events.scalars.get(tag, {})
    return np.array(list(values)), drawable(np.array(list(values.values()), float))
