"""Heat maps of the gradient norm by layer and record."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deepxor.events.gradient_flow import not_recorded
from deepxor.events.reader import GradientFlow
from deepxor.palette import (
    NORM_COLOURS,
    NOT_FINITE,
    NOT_RECORDED,
    ZERO_EDGE,
    ZERO_FACE,
    ZERO_HATCH,
    power_of_ten,
)
from deepxor.report.run import ReportRun
from deepxor.report.style import MAX_LAYER_LABELS, as_svg, short
from deepxor.statistics import LOG10_FLOOR

# The largest number of columns of a heat map, as more would be thinner than a pixel.
MAX_COLUMNS = 700


def norm_range(runs: Sequence[ReportRun]) -> tuple[int, int]:
    """Returns the range of the norms of all runs, for a common scale of colours.

    Args:
        runs: The runs to compare.

    Returns:
        The lowest and the highest power of ten.
    """
    values = [
        run.events.flow.quantities["norm_log10"][~_zero(run.events.flow)]
        for run in runs
        if run.events.flow is not None
    ]
    found = np.concatenate([*values, [-1.0]])
    found = found[np.isfinite(found)]
    low, high = (
        math.floor(max(found.min(), LOG10_FLOOR)),
        math.ceil(min(found.max(), 12)),
    )
    return low, max(high, low + 1)


def heat_svg(run: ReportRun, decades: tuple[int, int]) -> str | None:
    """Returns a heat map of the gradient norm by record and layer, the output on top.

    Args:
        run: The run.
        decades: The scale of colours, as `norm_range` returns it.

    Returns:
        The heat map as SVG; None if the run recorded no gradients.
    """
    flow = run.events.flow
    if flow is None:
        return None

    def draw() -> Figure:
        layers = len(flow.layers)
        height = 0.75 + min(max(0.16 * layers, 0.9), 3.2)
        # The panel is placed without a layout engine, which would take as long as
        # everything else.
        step = math.ceil(layers / MAX_LAYER_LABELS)
        names = [short(name) for name in flow.layers[::step]]
        width = 5.4
        left = (0.2 + 0.075 * max(map(len, names))) / width
        figure = Figure(figsize=(width, height), dpi=160)
        bottom, top = 0.42 / height, 1 - 0.12 / height
        panel = figure.add_axes((left, bottom, 0.97 - left, top - bottom))
        _draw_flow(panel, flow, decades)
        panel.set_yticks(range(0, layers, step), names)
        panel.set_ylim(-0.5, layers - 0.5)
        for label in panel.get_yticklabels():
            label.set_parse_math(False)
        panel.set_xlabel("step")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return figure

    return as_svg(draw)


def scale_svg(decades: tuple[int, int]) -> str:
    """Returns the common scale of colours of all heat maps.

    Args:
        decades: The scale of colours, as `norm_range` returns it.

    Returns:
        The scale as SVG.
    """

    def draw() -> Figure:
        figure = Figure(figsize=(5.4, 0.42), dpi=160)
        panel = figure.add_axes((0.03, 0.55, 0.94, 0.4))
        shades = np.linspace(*decades, 256)[None]
        panel.imshow(shades, cmap=NORM_COLOURS, aspect="auto", extent=(*decades, 0, 1))
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        panel.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
        panel.grid(False)
        panel.spines[:].set_visible(False)
        return figure

    return as_svg(draw)


def _draw_flow(panel: Axes, flow: GradientFlow, decades: tuple[int, int]) -> None:
    picked = np.arange(len(flow.steps))[:: math.ceil(len(flow.steps) / MAX_COLUMNS)]
    draw_heat_map(
        panel,
        flow.steps[picked],
        flow.quantities["norm_log10"][picked],
        _zero(flow)[picked],
        not_recorded(flow.tables)[picked],
        decades,
    )
    panel.grid(False)


def draw_heat_map(
    panel: Axes,
    steps: np.ndarray,
    log10_norms: np.ndarray,
    is_zero: np.ndarray,
    is_missing: np.ndarray,
    decades: tuple[int, int],
    fontsize: int = 8,
) -> QuadMesh:
    """Draws gradient norms by record and layer, the output on top.

    Norms that are exactly zero or not finite, and layers that a record does not have,
    have looks of their own, which a legend names.

    Args:
        panel: The panel to draw into.
        steps: The steps of the records, [records].
        log10_norms: log10 of the norms, [records, layers].
        is_zero: Whether each norm is exactly zero, bool [records, layers].
        is_missing: Whether a record does not have a layer, bool [records, layers].
        decades: The scale of colours, from the lowest to the highest power of ten.
        fontsize: The size of the legend's letters, in points.

    Returns:
        The mesh, for a colour bar.
    """
    low, high = decades
    is_bad = ~np.isfinite(log10_norms) & ~is_missing
    shades = np.clip(log10_norms, low, high)
    shades[is_zero], shades[is_bad], shades[is_missing] = low - 1, np.nan, high + 1
    mesh = panel.pcolormesh(
        record_edges(steps),
        np.arange(log10_norms.shape[1] + 1) - 0.5,
        shades.T,
        cmap=matplotlib.colormaps[NORM_COLOURS].with_extremes(
            under="none", bad=NOT_FINITE, over=NOT_RECORDED
        ),
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    # Norms that are exactly zero are left out, so that the hatches behind them show.
    panel.patch.set(facecolor=ZERO_FACE, edgecolor=ZERO_EDGE, hatch=ZERO_HATCH, lw=0)
    looks = (
        (
            is_zero,
            Patch(fc=ZERO_FACE, ec=ZERO_EDGE, hatch=ZERO_HATCH, label="exactly zero"),
        ),
        (is_bad, Patch(fc=NOT_FINITE, label="not finite")),
        (is_missing, Patch(fc=NOT_RECORDED, label="not recorded")),
    )
    handles = [patch for where, patch in looks if where.any()]
    if handles:
        panel.legend(handles=handles, loc="lower left", framealpha=1, fontsize=fontsize)
    return mesh


def record_edges(steps: np.ndarray) -> np.ndarray:
    """Returns the beginning of each record's column, and the end of the last one.

    Args:
        steps: The steps of the records, [records], rising; at least one.

    Returns:
        The edges in steps, [records + 1].
    """
    last = steps[-1] - steps[-2] if len(steps) > 1 else 1
    return np.append(steps, steps[-1] + last)


def _zero(flow: GradientFlow) -> np.ndarray:
    """Returns whether each gradient is exactly zero, bool [records, layers]."""
    return flow.quantities["zero_fraction"] == 1
