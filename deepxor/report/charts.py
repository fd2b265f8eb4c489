"""The pictures of the report, drawn by matplotlib as SVG."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deepxor.events.gradient_flow import not_recorded
from deepxor.events.reader import Flow
from deepxor.report.figures import MISSING, NAN
from deepxor.report.run import ReportRun

# Okabe & Ito's, which colour-blind people can tell apart, the light ones last; after
# them the lines are dashed, dotted and both.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#333333",
)  # fmt: skip
DASHES = ("-", "--", ":", "-.")

# As many names fit into a legend; with more, the colours of the table have to do.
MOST_NAMED = 14

# A name longer than this is cut in a picture; the tables have it whole.
LONGEST_NAME = 28

# Where the events end, see events/gradient_flow.py.
FLOOR = -12.0

# Of a heat map: more records than these are thinner than a pixel.
MOST_COLUMNS = 700

MOST_LAYER_LABELS = 14

INK = "#1d2733"
MUTED = "#5b6876"

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "deepxor",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": "#aab4be",
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6eaee",
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.6,
    "axes.unicode_minus": False,
}


def colour(index: int) -> str:
    """Returns the colour of the run at a place in the report."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> str:
    """Returns the dashes of the run at a place in the report."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


def short(name: str) -> str:
    """Returns a name as it fits into a picture."""
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def curves_svg(runs: Sequence[ReportRun]) -> str | None:
    """Draws cost, accuracy and solved rate by step, all runs in one chart each.

    Args:
        runs: In the order of their colours.

    Returns:
        SVG; None if no run recorded any of them.
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
        for panel, tag in zip(axes, tags, strict=True):
            if tag == "cost":
                _draw_costs(panel, runs)
            else:
                _draw_rates(panel, runs, tag)
            panel.set_title(TITLES[tag])
            panel.set_xlabel("step")
            panel.margins(x=0.01)
            panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _legend(figure, axes[0])
        return figure

    return _svg(draw)


TITLES = {
    "cost": "cost: median, band p10 to p90",
    "accuracy": "accuracy: mean",
    "solved": "fraction of networks that solve it",
}


def _cost_tag(run: ReportRun) -> str | None:
    """Returns the tag of a loss by step; one by epoch has another axis."""
    for tag in ("cost", "loss", "batch_loss"):
        if run.events.scalars.get(tag):
            return tag
    return None


def _draw_costs(panel: Axes, runs: Sequence[ReportRun]) -> None:
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
                low[0], low[1], high[1], color=colour(i), alpha=_faint(runs), lw=0
            )
        _line(panel, steps, values, i, run)
    if lowest > 0 and highest > 30 * lowest:
        panel.set_yscale("log")
        panel.set_ylim(bottom=lowest / 3)
    elif lowest >= 0:
        panel.set_ylim(bottom=0)


def _faint(runs: Sequence[ReportRun]) -> float:
    """Returns the opacity of a band: of many bands, each less."""
    return max(0.02, min(0.15, 1 / len(runs)))


def _draw_rates(panel: Axes, runs: Sequence[ReportRun], tag: str) -> None:
    for i, run in enumerate(runs):
        _line(panel, *_series(run, tag), i, run)
    panel.set_ylim(-0.03, 1.03)


def _series(run: ReportRun, tag: str) -> tuple[np.ndarray, np.ndarray]:
    values = run.events.scalars.get(tag, {})
    return np.array(list(values)), np.array(list(values.values()), float)


def _line(
    panel: Axes,
    x: np.ndarray,
    y: np.ndarray,
    index: int,
    run: ReportRun,
    mark: str = "",
) -> None:
    y = np.where(np.isfinite(y), y, np.nan)
    # A single point is no line.
    marker = mark or ("o" if np.isfinite(y).sum() == 1 else "")
    # An underscore in front would hide a name from the legend.
    panel.plot(
        x, y, color=colour(index), ls=dash(index), marker=marker, ms=3.5,
        label="\u200b" + short(run.name),
    )  # fmt: skip


def _legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    if not 1 <= len(labels) <= MOST_NAMED:
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


def profiles_svg(runs: Sequence[ReportRun]) -> str | None:
    """Draws the gradient norm by layer at the first, a middle and the last record.

    Args:
        runs: In the order of their colours.

    Returns:
        SVG; None if no run recorded gradients.
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
                _draw_profile(panel, flow, record, i, run, _faint(runs))
            where = f"step {steps.pop():,}" if len(steps) == 1 else f"{title} record"
            panel.set_title(f"{title}: {where}" if "step" in where else where)
            _label_layers(
                panel, [run.events.flow for _, run in flows if run.events.flow]
            )
        panels[0].set_ylabel("gradient norm")
        panels[0].yaxis.set_major_locator(MaxNLocator(7, integer=True))
        panels[0].yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
        _legend(figure, panels[0])
        return figure

    return _svg(draw)


def _first(flow: Flow) -> int:
    return 0


def _last(flow: Flow) -> int:
    return len(flow.steps) - 1


def _middle(flow: Flow) -> int:
    """Returns the record nearest to half of the steps."""
    half = (flow.steps[0] + flow.steps[-1]) / 2
    return int(np.abs(flow.steps - half).argmin())


def _draw_profile(
    panel: Axes, flow: Flow, record: int, index: int, run: ReportRun, faint: float
) -> None:
    depth = np.arange(1, len(flow.layers) + 1)
    low, high = (flow.quantities[f"norm_log10_{end}"][record] for end in ("p10", "p90"))
    if np.isfinite(low).any():
        panel.fill_between(depth, low, high, color=colour(index), alpha=faint, lw=0)
    _line(panel, depth, flow.quantities["norm_log10"][record], index, run, mark="o")


def _label_layers(panel: Axes, flows: Sequence[Flow]) -> None:
    """Writes the names of the layers if all runs have the same, else their depth."""
    longest = max(flows, key=lambda flow: len(flow.layers))
    count = len(longest.layers)
    step = math.ceil(count / MOST_LAYER_LABELS)
    ticks = range(1, count + 1, step)
    panel.set_xticks(ticks)
    if all(flow.layers == longest.layers for flow in flows):
        panel.set_xticklabels([short(longest.layers[i - 1]) for i in ticks])
        panel.tick_params(axis="x", rotation=45)
        for label in panel.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", parse_math=False)
    else:
        panel.set_xlabel("layer, counted from the input")


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
    low, high = math.floor(max(found.min(), FLOOR)), math.ceil(min(found.max(), 12))
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
        step = math.ceil(layers / MOST_LAYER_LABELS)
        names = [short(name) for name in flow.layers[::step]]
        width = 5.4
        left = (0.2 + 0.075 * max(map(len, names))) / width
        figure = Figure(figsize=(width, height), dpi=160)
        bottom, top = 0.42 / height, 1 - 0.12 / height
        panel = figure.add_axes((left, bottom, 0.97 - left, top - bottom))
        _draw_heat(panel, flow, decades)
        panel.set_yticks(range(0, layers, step), names)
        panel.set_ylim(-0.5, layers - 0.5)
        for label in panel.get_yticklabels():
            label.set_parse_math(False)
        panel.set_xlabel("step")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return figure

    return _svg(draw)


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
        panel.imshow(shades, cmap="viridis", aspect="auto", extent=(*decades, 0, 1))
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        panel.xaxis.set_major_formatter(FuncFormatter(_power_of_ten))
        panel.grid(False)
        panel.spines[:].set_visible(False)
        return figure

    return _svg(draw)


def _draw_heat(panel: Axes, flow: Flow, decades: tuple[int, int]) -> None:
    picked = np.arange(len(flow.steps))[:: math.ceil(len(flow.steps) / MOST_COLUMNS)]
    norms = flow.quantities["norm_log10"][picked].T
    zero = _zero(flow)[picked].T
    shades = np.clip(norms, *decades)
    shades[zero] = decades[0] - 1
    missing = not_recorded(flow.tables)[picked].T
    bad = ~np.isfinite(norms) & ~missing
    shades[bad] = np.nan
    shades[missing] = decades[1] + 1
    steps = flow.steps[picked]
    last = steps[-1] - steps[-2] if len(steps) > 1 else 1
    panel.pcolormesh(
        np.append(steps, steps[-1] + last),
        np.arange(len(norms) + 1) - 0.5,
        shades,
        cmap=matplotlib.colormaps["viridis"].with_extremes(
            under="none", bad=NAN, over=MISSING
        ),
        vmin=decades[0],
        vmax=decades[1],
        rasterized=True,
    )
    panel.grid(False)
    # What is exactly zero is left out, and shows the hatches behind.
    panel.patch.set(facecolor="#f4f5f6", edgecolor="#9aa5b0", hatch="////", lw=0)
    handles = []
    if zero.any():
        handles.append(
            Patch(fc="#f4f5f6", ec="#9aa5b0", hatch="////", label="exactly zero")
        )
    if bad.any():
        handles.append(Patch(fc=NAN, label="not finite"))
    if missing.any():
        handles.append(Patch(fc=MISSING, label="not recorded"))
    if handles:
        panel.legend(handles=handles, loc="lower left", framealpha=1, fontsize=8)


def _zero(flow: Flow) -> np.ndarray:
    """Returns where all of a layer's gradient is exactly zero, [records, layers]."""
    return flow.quantities["zero_fraction"] == 1


# matplotlib's own parser of exponents would take a quarter of the time of a report.
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power_of_ten(value: float, position: int) -> str:
    return "1" if value == 0 else "10" + f"{value:.0f}".translate(_SUPERSCRIPTS)


def _svg(draw: Callable[[], Figure]) -> str:
    """Returns a figure as SVG, the same bytes for the same figure."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Letters that the font lacks; the browser has others.
        warnings.simplefilter("ignore", UserWarning)
        nothing = {key: None for key in ("Creator", "Date", "Format", "Type")}
        draw().savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
