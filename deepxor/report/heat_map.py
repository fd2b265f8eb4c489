"""Heat maps of the gradient norm by layer and record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deepxor.events.gradient_flow import (
    NON_FINITE_REPLICAS,
    ZERO_REPLICAS,
    exactly_zero,
    not_finite,
    not_recorded,
)
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
from deepxor.report.step_axis import StepAxis
from deepxor.report.style import MAX_LAYER_LABELS, as_svg, short
from deepxor.statistics import LOG10_FLOOR

# The largest number of columns of a heat map, as more would be thinner than a pixel.
MAX_COLUMNS = 700

# The scale of colours spans these percentiles of the norms of each run.
PERCENTILES = (1, 99)

# The range is extended to norms that take less than this share of it.
LITTLE = 0.1

# The power of ten at which the scale of colours ends at the latest.
_CEILING = 12

# The largest number of layers of which parts of cells are drawn as shapes and not as a
# picture, as each is as long as there are records.
_MAX_SHAPES = 50

# The least part of a cell's height that shows that a replica has failed, about a pixel.
LEAST_SHARE = 0.08

_ZERO: Any = {"facecolor": ZERO_FACE, "edgecolor": ZERO_EDGE, "hatch": ZERO_HATCH}

# The ends of the scale that are arrows, by whether there are norms below and above it.
_EXTEND = {
    (False, False): "neither", (True, False): "min", (False, True): "max",
    (True, True): "both",
}  # fmt: skip


def norm_range(runs: Sequence[ReportRun]) -> tuple[int, int]:
    """Returns the range of the norms of all runs, for a common scale of colours.

    The range is that of the tab Gradient flow, in whole powers of ten. It has all but a
    few of the cells of each run. One run that explodes does not take the colours from
    the others: the range ends half as many powers of ten above most runs as these have.

    Args:
        runs: The runs to compare.

    Returns:
        The lowest and the highest power of ten.
    """
    shown = [norms for norms in map(_finite_norms, runs) if norms.size]
    if not shown:
        return -1, 0
    lows, highs = np.array([np.percentile(norms, PERCENTILES) for norms in shown]).T
    low, high = lows.min(), highs.max()
    if len(shown) > 1:
        usual = np.sort(highs)[(len(highs) - 1) // 2]
        high = min(high, max(2, usual + max(2, (usual - low) / 2)))
    # What takes little room is not worth being cut off.
    least, most = min(map(np.min, shown)), max(map(np.max, shown))
    little = LITTLE * (high - low)
    low = least if low - least < little else low
    high = most if most - high < little else high
    first = math.floor(min(max(low, LOG10_FLOOR), _CEILING - 1))
    last = math.ceil(min(high, _CEILING))
    return first, max(last, first + 1)


def _finite_norms(run: ReportRun) -> np.ndarray:
    """Returns log10 of the norms of a run that are on the scale of colours."""
    if run.events.flow is None:
        return np.array([])
    cells = Cells.of(run.events.flow)
    return cells.log10_norms[~(cells.is_zero | cells.is_bad | cells.is_missing)]


@dataclass(frozen=True, eq=False)
class Cells:
    """Holds what a heat map shows of each layer at each record.

    Attributes:
        log10_norms: log10 of the median norms, [records, layers].
        is_zero: Whether the median is exactly zero, bool [records, layers].
        is_bad: Whether the median is not finite, bool [records, layers].
        is_missing: Whether a record does not have a layer, bool [records, layers].
        zero_share: The share of the replicas whose gradient is exactly zero, from 0 to
            1, [records, layers]; 0 where it is not known.
        bad_share: The share of those whose gradient is not finite, likewise.
    """

    log10_norms: np.ndarray
    is_zero: np.ndarray
    is_bad: np.ndarray
    is_missing: np.ndarray
    zero_share: np.ndarray
    bad_share: np.ndarray

    @classmethod
    def of(cls, flow: GradientFlow) -> Cells:
        """Returns the cells of all records of a run.

        Args:
            flow: The records of the run's gradients.
        """
        return cls(
            flow.quantities["norm_log10"],
            exactly_zero(flow.tables),
            not_finite(flow.tables),
            not_recorded(flow.tables),
            _shares(flow.quantities[ZERO_REPLICAS]),
            _shares(flow.quantities[NON_FINITE_REPLICAS]),
        )

    def picked(self, records: np.ndarray) -> Cells:
        """Returns the cells of some records.

        Args:
            records: The numbers of the records.
        """
        return Cells(*(getattr(self, field.name)[records] for field in fields(self)))


def _shares(values: np.ndarray) -> np.ndarray:
    """Returns shares from 0 to 1, whatever the values are; 0 for NaN."""
    return np.clip(np.nan_to_num(values), 0, 1)


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
        cells = Cells.of(flow)
        legend = 0.2 if _looks(cells) else 0.0
        height = 0.75 + legend + min(max(0.16 * layers, 0.9), 3.2)
        # The panel is placed without a layout engine, which would take as long as
        # everything else.
        step = math.ceil(layers / MAX_LAYER_LABELS)
        names = [short(name) for name in flow.layers[::step]]
        width = 5.4
        left = (0.2 + 0.075 * max(map(len, names))) / width
        figure = Figure(figsize=(width, height), dpi=160)
        bottom, top = 0.42 / height, 1 - (0.12 + legend) / height
        panel = figure.add_axes((left, bottom, 0.97 - left, top - bottom))
        edges = record_edges(flow.steps)
        axis = StepAxis(int(edges[0]), int(edges[-1]))
        records = _columns(axis.positions(flow.steps), cells)
        # A column ends where the next one that is drawn begins.
        places = axis.positions(np.append(flow.steps[records], edges[-1]))
        draw_heat_map(panel, places, cells.picked(records), decades)
        panel.grid(False)
        panel.set_yticks(range(0, layers, step), names)
        panel.set_ylim(-0.5, layers - 0.5)
        for label in panel.get_yticklabels():
            label.set_parse_math(False)
        axis.draw(panel, width * (0.97 - left))
        return figure

    return as_svg(draw)


def _columns(places: np.ndarray, cells: Cells) -> np.ndarray:
    """Returns the numbers of the records to draw, at most one for each pixel.

    It is the last record of the pixel, or the last one that is not finite.
    """
    pixels = (places * (MAX_COLUMNS - 1) / (places[-1] or 1)).astype(int)
    order = np.lexsort((cells.is_bad.any(axis=1), pixels))
    is_last = np.append(np.diff(pixels[order]) > 0, True)
    return order[is_last]


def scale_svg(runs: Sequence[ReportRun], decades: tuple[int, int]) -> str:
    """Returns the common scale of colours of all heat maps.

    Args:
        runs: The runs. An end of the scale beyond which they have norms is an arrow.
        decades: The scale of colours, as `norm_range` returns it.

    Returns:
        The scale as SVG.
    """
    norms = np.concatenate([[decades[0]], *map(_finite_norms, runs)])
    extend = _EXTEND[bool(norms.min() < decades[0]), bool(norms.max() > decades[1])]

    def draw() -> Figure:
        figure = Figure(figsize=(5.4, 0.42), dpi=160)
        panel = figure.add_axes((0.03, 0.55, 0.94, 0.4))
        colours = ScalarMappable(Normalize(*decades), NORM_COLOURS)
        bar = figure.colorbar(
            colours, panel, orientation="horizontal", extend=extend, extendfrac=0.03
        )
        bar.outline.set_visible(False)
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        panel.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
        return figure

    return as_svg(draw)


def draw_heat_map(
    panel: Axes,
    edges: np.ndarray,
    cells: Cells,
    decades: tuple[int, int],
    fontsize: int = 8,
) -> QuadMesh:
    """Draws gradient norms by record and layer, the output on top.

    Norms that are exactly zero or not finite, and layers that a record does not have,
    have looks of their own, which a legend above the panel names. If some replicas have
    such a norm and the median has not, a part of the cell's height has its look: the
    lower part for zero, the upper part for not finite.

    Args:
        panel: The panel to draw into.
        edges: The places where the records begin, and where the last one ends,
            [records + 1].
        cells: The cells of the records.
        decades: The scale of colours, from the lowest to the highest power of ten.
        fontsize: The size of the legend's letters, in points.

    Returns:
        The mesh, for a colour bar.
    """
    low, high = decades
    shades = np.clip(cells.log10_norms, low, high)
    shades[cells.is_zero] = low - 1
    shades[cells.is_bad] = np.nan
    shades[cells.is_missing] = high + 1
    mesh = panel.pcolormesh(
        edges,
        np.arange(shades.shape[1] + 1) - 0.5,
        shades.T,
        cmap=matplotlib.colormaps[NORM_COLOURS].with_extremes(
            under="none", bad=NOT_FINITE, over=NOT_RECORDED
        ),
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    # Norms that are exactly zero are left out, so that the hatches behind them show.
    panel.patch.set(lw=0, **_ZERO)
    is_drawn = ~(cells.is_zero | cells.is_bad | cells.is_missing)
    for layer in range(shades.shape[1]):
        zeros, bad = (
            np.where(is_drawn & (share > 0), np.maximum(share, LEAST_SHARE), 0)[
                :, layer
            ]
            for share in (cells.zero_share, cells.bad_share)
        )
        is_picture = {"rasterized": shades.shape[1] > _MAX_SHAPES}
        _draw_share(panel, edges, layer - 0.5, zeros, _ZERO | is_picture)
        bad_look = {"facecolor": NOT_FINITE, **is_picture}
        _draw_share(panel, edges, layer + 0.5, -bad, bad_look)
    handles = _looks(cells)
    if handles:
        panel.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1, 1),
            ncols=len(handles), borderaxespad=0.1, borderpad=0.1, frameon=False,
            fontsize=fontsize, columnspacing=1.2, handlelength=1.6,
        )  # fmt: skip
    return mesh


def _draw_share(
    panel: Axes,
    edges: np.ndarray,
    bottom: float,
    heights: np.ndarray,
    look: Mapping[str, Any],
) -> None:
    """Draws a part of the height of each cell of a layer."""
    if heights.any():
        ends = np.append(bottom + heights, bottom + heights[-1])
        panel.fill_between(edges, bottom, ends, step="post", lw=0, **look)


def _looks(cells: Cells) -> list[Patch]:
    """Returns the looks that have no place on the scale and are drawn, for a legend."""
    has_zeros = cells.is_zero | (cells.zero_share > 0)
    has_bad = cells.is_bad | (cells.bad_share > 0)
    looks = (
        (has_zeros, Patch(label="exactly zero", **_ZERO)),
        (has_bad, Patch(fc=NOT_FINITE, label="not finite")),
        (cells.is_missing, Patch(fc=NOT_RECORDED, label="not recorded")),
    )
    return [patch for where, patch in looks if where.any()]


def record_edges(steps: np.ndarray) -> np.ndarray:
    """Returns the beginning of each record's column, and the end of the last one.

    Args:
        steps: The steps of the records, [records], rising; at least one.

    Returns:
        The edges in steps, [records + 1].
    """
    # In float64, as the end of a foreign file's steps may be above the largest integer.
    edges = np.asarray(steps, np.float64)
    last = edges[-1] - edges[-2] if len(edges) > 1 else 1
    return np.append(edges, edges[-1] + last)
