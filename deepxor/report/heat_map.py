"""Heat maps of the gradient norm, layer by record."""

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

# Of a heat map: more records than these are thinner than a pixel.
MAX_COLUMNS = 700


def norm_range(runs: Sequence[ReportRun]) -> tuple[int, int]:
    """Returns the decades that the norms of all runs lie in, for one scale of colours.

    Args:
        runs: Those to be compared.
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
    """Draws the gradient norm of every layer at every record, the output on top.

    Args:
        run: The run.
        decades: The scale of colours, as `norm_range` returns it.

    Returns:
        SVG; None if the run recorded no gradients.
    """
    flow = run.events.flow
    if flow is None:
        return None

    def draw() -> Figure:
        layers = len(flow.layers)
        height = 0.75 + min(max(0.16 * layers, 0.9), 3.2)
        # Placed by hand: a layout engine takes as long as all the rest.
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
    """Draws what the colours of the heat maps mean, once for all of them.

    Args:
        decades: The scale of colours, as `norm_range` returns it.

    Returns:
        SVG.
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
    """Draws gradient norms, a column a record and a row a layer, the output on top.

    Norms that are exactly zero or not finite, and layers that a record has nothing of,
    have looks of their own, which a legend names.

    Args:
        panel: Where they are drawn.
        steps: [records].
        log10_norms: [records, layers].
        is_zero: bool [records, layers], whether a norm is exactly zero.
        is_missing: bool [records, layers], whether a record has nothing of a layer.
        decades: The scale of colours, from the lowest to the highest power of ten.
        fontsize: Of the legend, in points.

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
    # What is exactly zero is left out, and shows the hatches behind.
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
    """Returns where the column of each record begins, and where the last one ends.

    Args:
        steps: [records], rising; at least one.

    Returns:
        [records + 1], in steps.
    """
    last = steps[-1] - steps[-2] if len(steps) > 1 else 1
    return np.append(steps, steps[-1] + last)


def _zero(flow: GradientFlow) -> np.ndarray:
    """Returns where all of a layer's gradient is exactly zero, [records, layers]."""
    return flow.quantities["zero_fraction"] == 1
