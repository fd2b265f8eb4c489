"""Charts of gradient norms by layer at three records of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deepxor.events.reader import GradientFlow
from deepxor.palette import (
    power_of_ten,
    run_colour,
    run_marker,
)
from deepxor.report.lines import band_opacity, draw_legend, draw_line
from deepxor.report.run import ReportRun
from deepxor.report.style import MAX_LAYER_LABELS, as_svg, short


def profiles_svg(runs: Sequence[ReportRun]) -> str | None:
    """Returns charts of the gradient norm by layer at three records.

    They are the first record, the one in the middle and the last.

    Args:
        runs: The runs in the order of their colours.

    Returns:
        The charts as SVG; None if no run recorded gradients.
    """
    flows = [(i, run) for i, run in enumerate(runs) if run.events.flow is not None]
    if not flows:
        return None

    def draw() -> Figure:
        figure = Figure(figsize=(11.0, 3.9), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        for panel, title, pick in zip(
            panels, ("first", "middle", "last"), (_first, _middle, _last), strict=True
        ):
            steps = set()
            for i, run in flows:
                flow = run.events.flow
                assert flow is not None
                record = pick(flow)
                steps.add(int(flow.steps[record]))
                _draw_profile(panel, flow, record, i, run, band_opacity(runs))
            where = f"step {steps.pop():,}" if len(steps) == 1 else f"{title} record"
            panel.set_title(f"{title}: {where}" if "step" in where else where)
            _label_layers(
                panel, [run.events.flow for _, run in flows if run.events.flow]
            )
        panels[0].set_ylabel("gradient norm")
        panels[0].yaxis.set_major_locator(MaxNLocator(7, integer=True))
        panels[0].yaxis.set_major_formatter(FuncFormatter(power_of_ten))
        draw_legend(figure, panels[0])
        return figure

    return as_svg(draw)


def _first(flow: GradientFlow) -> int:
    return 0


def _last(flow: GradientFlow) -> int:
    return len(flow.steps) - 1


def _middle(flow: GradientFlow) -> int:
    """Returns the number of the record nearest to half of the steps."""
    half = flow.steps[[0, -1]].astype(np.float64).mean()
    return int(np.abs(flow.steps - half).argmin())


def _draw_profile(
    panel: Axes,
    flow: GradientFlow,
    record: int,
    index: int,
    run: ReportRun,
    faint: float,
) -> None:
    depth = np.arange(1, len(flow.layers) + 1)
    low, high = (
        _clipped(flow.quantities[f"norm_log10_{end}"][record]) for end in ("p10", "p90")
    )
    if np.isfinite(low).any():
        panel.fill_between(depth, low, high, color=run_colour(index), alpha=faint, lw=0)
    norms = _clipped(flow.quantities["norm_log10"][record])
    draw_line(panel, depth, norms, index, run, mark=run_marker(index))


def _clipped(norms: np.ndarray) -> np.ndarray:
    """Returns log10 of norms within the powers of ten of a float, NaN if not finite."""
    most = np.finfo(np.float64).maxexp
    return np.clip(np.where(np.isfinite(norms), norms, np.nan), -most, most)


def _label_layers(panel: Axes, flows: Sequence[GradientFlow]) -> None:
    """Writes the names of the layers if all runs have the same, else their numbers."""
    longest = max(flows, key=lambda flow: len(flow.layers))
    count = len(longest.layers)
    step = math.ceil(count / MAX_LAYER_LABELS)
    ticks = range(1, count + 1, step)
    panel.set_xticks(ticks)
    if all(flow.layers == longest.layers for flow in flows):
        panel.set_xticklabels([short(longest.layers[i - 1]) for i in ticks])
        panel.tick_params(axis="x", rotation=45)
        for label in panel.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", parse_math=False)
    else:
        panel.set_xlabel("layer, counted from the input")
