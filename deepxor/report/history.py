"""A figure of a monitor's history for a slide, drawn without a screen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MultipleLocator

from deepxor.palette import BLUE, DPI, INK, MAX_LABELS, NOT_FINITE, power_of_ten
from deepxor.report.heat_map import Cells, draw_heat_map, record_edges

# The powers of ten at the ends of the scale of colours; a norm beyond them gets the
# nearest colour. The scale is fixed, so that two pictures can be compared.
DECADES = (-10, 4)


def history_figure(
    history: Mapping[str, Any], text: str, fraction: str | None = None
) -> Figure:
    """Returns a figure of the gradient norms by record and layer and of the loss.

    Norms that are exactly zero or not finite, and layers that a record does not have,
    have looks of their own.

    Args:
        history: `GradientMonitor.history`, with at least one record.
        text: The text above the figure, such as the verdict.
        fraction: The quantity to draw as a bar for each layer, "dead_fraction" or
            "saturated_fraction", of the last record that has it; None for no bars.

    Returns:
        The figure, 1200 pixels wide.

    Raises:
        ValueError: If the history is empty.
    """
    if len(history["step"]) == 0:
        raise ValueError("`history` must have at least 1 record. Received: 0 records")
    layout = ConstrainedLayoutEngine(w_pad=0.12)
    figure = Figure(figsize=(12.0, 4.2), dpi=DPI, layout=layout)
    figure.suptitle(
        text, x=0.01, ha="left", fontsize=13, linespacing=1.4, parse_math=False
    )
    widths = [2.6, 1.0, 1.5] if fraction else [3.6, 1.5]
    panels = figure.subplots(1, len(widths), width_ratios=widths)
    mesh = _draw_norms(panels[0], history)
    bar = figure.colorbar(mesh, ax=panels[0], pad=0.01)
    bar.ax.yaxis.set_major_locator(MultipleLocator(2))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    if fraction:
        _draw_fraction(panels[1], history, fraction)
    _draw_loss(panels[-1], history)
    for panel in panels:
        panel.tick_params(labelsize=11)
    return figure


def _draw_norms(panel: Axes, history: Mapping[str, Any]) -> QuadMesh:
    norms = np.asarray(history["norm"], np.float64)
    with np.errstate(divide="ignore"):
        log10_norms = np.log10(norms)
    is_missing, is_zero = _not_recorded(history), norms == 0
    none = np.zeros(norms.shape)
    is_bad = ~np.isfinite(norms) & ~is_missing
    mesh = draw_heat_map(
        panel,
        record_edges(history["step"]),
        Cells(log10_norms, is_zero, is_bad, is_missing, none, none),
        DECADES,
        fontsize=11,
    )
    panel.set_title("gradient norm", fontsize=11, loc="left")
    panel.set_xlabel("step", fontsize=11)
    _label_rows(panel, history["layer"])
    return mesh


def _not_recorded(history: Mapping[str, Any]) -> np.ndarray:
    """Returns whether a record does not have a layer, bool [records, layers]."""
    return np.isnan(history["norm"]) & np.isnan(history["non_finite"])


def _label_rows(panel: Axes, layers: Sequence[str]) -> None:
    step = math.ceil(len(layers) / MAX_LABELS)
    panel.set_yticks(range(0, len(layers), step), layers[::step])
    panel.set_ylim(-0.5, len(layers) - 0.5)
    for label in panel.get_yticklabels():
        label.set_parse_math(False)


def _draw_fraction(panel: Axes, history: Mapping[str, Any], fraction: str) -> None:
    """Draws a bar for each layer that has an activation, of the last record with any.

    Activations are not looked at at every record.
    """
    measured = np.flatnonzero(np.isfinite(history[fraction]).any(axis=1))
    record = measured[-1] if len(measured) else -1
    values, is_missing = history[fraction][record], _not_recorded(history)[record]
    for row, value in enumerate(values):
        if np.isnan(value):
            absent = "no activation" if len(measured) else "not measured"
            reason = "not recorded" if is_missing[row] else absent
            panel.text(0.02, row, reason, va="center", fontsize=9)
        else:
            panel.barh(row, value, color=BLUE)
    _label_rows(panel, history["layer"])
    panel.tick_params(axis="y", labelleft=False)
    panel.set_xlim(0, 1)
    panel.set_title(fraction.replace("_", " "), fontsize=11, loc="left")
    panel.set_xlabel(f"at step {history['step'][record]}", fontsize=11)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_loss(panel: Axes, history: Mapping[str, Any]) -> None:
    """Draws the finite losses as a line, and marks the records of the others."""
    edges, losses = record_edges(history["step"]), history["loss"]
    is_finite = np.isfinite(losses)
    shown = losses[is_finite]
    panel.plot(edges[:-1][is_finite], shown, color=INK, lw=1.5)
    if len(shown) and shown.min() > 0 and shown.max() > 100 * shown.min():
        panel.set_yscale("log")
    elif len(shown):
        bottom, top = min(0, shown.min()), max(0, shown.max())
        panel.set_ylim(bottom, top + 0.1 * (top - bottom or 1))
    for record in np.flatnonzero(~is_finite):
        panel.axvspan(edges[record], edges[record + 1], color=NOT_FINITE, lw=0)
    panel.set_xlim(edges[0], edges[-1])
    panel.set_title("loss", fontsize=11, loc="left")
    panel.set_xlabel("step", fontsize=11)
    panel.spines[["top", "right"]].set_visible(False)
