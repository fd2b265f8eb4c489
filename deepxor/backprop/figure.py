"""The gradient's way back through a network, as a staircase of decades."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deepxor.backprop.profile import BackwardProfile
from deepxor.palette import (
    DPI,
    GREEN,
    INK,
    MAX_LABELS,
    SLOPE,
    WEIGHT,
    power_of_ten,
)

PREDICTED, NORM = GREEN, INK
BAND = "#dddddd"

PANEL_INCHES = (6.0, 5.2)


# The axis ends after this many decades, as the range of float32 does.
MAX_DECADES = 45.0


def profile_figure(profiles: Sequence[BackwardProfile]) -> Figure:
    """Draws how the norm of the gradient changes on its way back, in decades.

    The picture is a staircase. From left to right it has the layers in the order of
    backpropagation, each with a bar for the slope of its activation and a bar for its
    weights. Every bar begins where the one before ended.

    Args:
        profiles: The profile of each panel, at least one; all panels share the scale.

    Returns:
        The figure, 1200 pixels wide if there are two panels or more.
    """
    columns = min(2, len(profiles))
    rows = math.ceil(len(profiles) / columns)
    width, height = PANEL_INCHES
    figure = Figure(
        figsize=(width * columns, height * rows), dpi=DPI, layout="constrained"
    )
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    bottom, top = _limits(profiles)
    for panel, profile in zip(axes, profiles, strict=False):
        panel.set_ylim(bottom, top)
        _draw_panel(panel, profile)
    for panel in axes[len(profiles) :]:
        panel.remove()
    for panel in axes[::columns]:
        panel.set_ylabel("gradient norm, relative to the output's", fontsize=11)
    _draw_legend(figure, profiles)
    return figure


def _limits(profiles: Sequence[BackwardProfile]) -> tuple[float, float]:
    values = np.concatenate([profile.decades.ravel() for profile in profiles])
    values = np.append(values[np.isfinite(values)], [-1.0, 0.5])
    bottom, top = max(values.min(), -MAX_DECADES), min(values.max(), MAX_DECADES)
    margin = 0.06 * (top - bottom)
    return bottom - margin, top + margin


def _draw_panel(panel: Axes, profile: BackwardProfile) -> None:
    low, median, high = profile.decades
    stages = np.arange(len(median)) / 2
    if profile.replicas > 1:
        low, high = (np.where(np.isfinite(line), line, np.nan) for line in (low, high))
        panel.fill_between(stages, low, high, color=BAND, lw=0, zorder=1)
    _draw_stairs(panel, stages, median)
    predicted = profile.predicted_decades
    if predicted is not None:
        panel.plot(
            stages[::2],
            predicted[::2],
            "D",
            color=PREDICTED,
            mec="white",
            ms=6,
            zorder=4,
        )
    panel.axhline(0, color=NORM, lw=0.8, zorder=0.5)
    panel.set_title(_title(profile), fontsize=13, loc="left", parse_math=False)
    panel.set_xlabel("backpropagation runs this way \N{RIGHTWARDS ARROW}", fontsize=11)
    _write_factors(panel, profile)
    _label_layers(panel, profile.layers)
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    panel.tick_params(axis="y", labelleft=True, labelsize=11)
    panel.grid(axis="y", color="0.9")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_stairs(panel: Axes, stages: np.ndarray, decades: np.ndarray) -> None:
    """Draws a bar from each stage to the next, as far as the norms are above zero."""
    is_drawn = np.isfinite(decades)
    end = len(decades) if is_drawn.all() else int(np.argmin(is_drawn))
    for stage in range(end - 1):
        colour = WEIGHT if stage % 2 else SLOPE
        panel.bar(
            stages[stage],
            decades[stage + 1] - decades[stage],
            width=0.5,
            bottom=decades[stage],
            align="edge",
            color=colour,
            edgecolor=colour,  # so that one without height is still a line
            zorder=2,
        )
    panel.plot(stages[:end:2], decades[:end:2], "o", color=NORM, ms=4, zorder=3)
    if end < len(decades):
        text = "exactly zero" if np.isneginf(decades[end]) else "undefined"
        _hatch(panel, stages[max(end - 1, 0)], stages[-1], text)


def _hatch(panel: Axes, start: float, end: float, text: str) -> None:
    panel.axvspan(
        start, end, facecolor="0.97", edgecolor="0.8", hatch="//", lw=0, zorder=0
    )
    panel.text(
        (start + end) / 2, sum(panel.get_ylim()) / 2, text, rotation=90,
        ha="center", va="center", fontsize=12, color=NORM,
        bbox={"color": "white", "pad": 3}, zorder=5,
    )  # fmt: skip


def _title(profile: BackwardProfile) -> str:
    """Returns the title, with the decades lost at the output of the first layer."""
    if len(profile.layers) == 1:
        return profile.title
    decades, layer = profile.decades[1, -3], profile.layers[-1]
    if np.isnan(decades):
        return f"{profile.title}: undefined at {layer}"
    if np.isneginf(decades):
        return f"{profile.title}: exactly zero at {layer}"
    way = "gained" if decades > 0 else "lost"
    return f"{profile.title}: {abs(decades):.1f} decades {way} by {layer}"


def _write_factors(panel: Axes, profile: BackwardProfile) -> None:
    """Writes the median factors of the hidden layers, if all have an activation.

    The last and the first layer do not count, as they have few outputs or inputs.
    """
    hidden = np.array([profile.slope_factor[1], profile.weight_factor[1]])[:, 1:-1]
    has_activation = hidden[0] != 1
    if not (hidden.size and np.isfinite(hidden).all() and has_activation.all()):
        return
    slope, weight = (f"{factor:#.2g}" for factor in np.median(hidden, axis=1))
    times = "\N{MULTIPLICATION SIGN}"
    text = f"a layer's slope: {times} {slope}\na layer's weights: {times} {weight}"
    # The text stands in the corner that the stairs do not reach.
    is_rising = profile.decades[1, -3] > 1
    y, side = (0.96, "top") if is_rising else (0.04, "bottom")
    panel.text(
        0.03, y, text, transform=panel.transAxes, fontsize=12, color=NORM,
        va=side, linespacing=1.4,
    )  # fmt: skip


def _label_layers(panel: Axes, layers: Sequence[str]) -> None:
    """Puts each layer's name under its two bars."""
    step = math.ceil(len(layers) / MAX_LABELS)
    panel.set_xlim(-0.25, len(layers) + 0.5)
    ticks = [*np.arange(0, len(layers), step) + 0.5]
    names = [*layers[::step]]
    if step == 1:  # otherwise it would cover the name beside it
        ticks.append(len(layers) + 0.2)
        names.append("input")
    panel.set_xticks(ticks, names)
    panel.tick_params(axis="x", labelsize=11, rotation=45, length=0)
    for label in panel.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor", parse_math=False)


def _draw_legend(figure: Figure, profiles: Sequence[BackwardProfile]) -> None:
    handles: list[Artist] = [
        Patch(color=SLOPE, label="slope of the activation"),
        Patch(color=WEIGHT, label="weights"),
    ]
    handles.append(_marker(NORM, "o", "gradient norm at a layer's output"))
    replicas = max(profile.replicas for profile in profiles)
    if replicas > 1:
        label = f"p10 to p90 of {replicas} networks"
        handles.append(Patch(color=BAND, label=label))
    if any(profile.predicted is not None for profile in profiles):
        handles.append(_marker(PREDICTED, "D", "mean-field theory"))
    columns = 5 if len(profiles) > 1 else 2
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        fontsize=11,
        columnspacing=1.2,
    )


def _marker(colour: str, shape: str, label: str) -> Line2D:
    return Line2D(
        [], [], lw=0, ms=6, mec="white", marker=shape, color=colour, label=label
    )
