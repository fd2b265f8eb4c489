"""The theory's curves over a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from deepxor.palette import INK, VERMILION
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.picture.layout import Layout
from deepxor.sweeps.picture.scale import Scale
from deepxor.sweeps.picture.style import halo, plain
from deepxor.sweeps.theory import (
    ACTIVATIONS,
    CHAOTIC,
    CRITICAL,
    ORDERED,
    critical_variance,
    propagate,
)

# The depth at which the accuracy falls below one half, in units of xi_c, in the maps of
# github.com/ghliu/mean-field-fcdnn: tanh, sigma_b^2 = 0.05, MNIST.
MULTIPLES = {ORDERED: 6.2, CHAOTIC: 4.65}

# The number of points of a curve.
POINTS = 200

_LOOKS: Mapping[str, Any] = {
    ORDERED: {"color": VERMILION, "ls": "-"},
    CHAOTIC: {"color": "#b3247e", "ls": (0, (5, 2))},
    CRITICAL: {"color": INK, "ls": (0, (1, 1.5))},
}


@dataclass(frozen=True)
class Curve:
    """Holds a curve of the theory.

    Attributes:
        label: What a legend says.
        side: `ORDERED`, `CHAOTIC`, or `CRITICAL` for the line between them.
        values: The values along the curve, [points], by the name of each of two axes.
    """

    label: str
    side: str
    values: Mapping[str, np.ndarray]


def theory_curves(
    axes: Sequence[Axis],
    fixed: Mapping[str, Any],
    multiples: Mapping[str, float] = MULTIPLES,
) -> list[Curve]:
    """Returns the curves of mean-field theory over a map.

    Args:
        axes: The axes of the map.
        fixed: The other settings by name: the theory needs "activation", and
            "bias_variance" where that is no axis.
        multiples: The depth to draw on each side of the critical line, in units of
            xi_c.

    Returns:
        Over depth and weight_variance a curve for each side, and the critical line
        between them; over weight_variance and bias_variance the critical line. Empty
        for other axes and for networks that the theory does not describe.
    """
    named = {axis.name: axis for axis in axes if axis.is_numeric}
    activation = fixed.get("activation")
    if activation not in ACTIVATIONS or fixed.get("residual"):
        return []
    if set(named) == {"weight_variance", "bias_variance"}:
        return [_critical_line(activation, named["bias_variance"])]
    bias = fixed.get("bias_variance")
    if set(named) == {"weight_variance", "depth"} and isinstance(bias, (int, float)):
        weights, depths = named["weight_variance"], named["depth"]
        return _depth_curves(activation, bias, weights, depths, multiples)
    return []


def _critical_line(activation: str, axis: Axis) -> Curve:
    biases = _points(axis)
    biases = biases[biases >= 0]
    kernels = np.array([critical_variance(activation, bias) for bias in biases])
    return Curve(
        "critical line",
        CRITICAL,
        {"weight_variance": kernels, "bias_variance": biases},
    )


def _depth_curves(
    activation: str,
    bias: float,
    weights: Axis,
    depths: Axis,
    multiples: Mapping[str, float],
) -> list[Curve]:
    kernels = _points(weights)
    kernels = kernels[kernels > 0]
    signals = propagate(activation, kernels, bias)
    curves = []
    for side, multiple in multiples.items():
        is_there = (signals.phase == side) & np.isfinite(signals.xi_c)
        if is_there.any():
            values = {
                "weight_variance": kernels[is_there],
                "depth": multiple * signals.xi_c[is_there],
            }
            curves.append(Curve(f"{multiple:g} ξ_c, {side}", side, values))
    critical = critical_variance(activation, bias)
    low, high = Scale.of(weights).values(np.array(Scale.of(weights).limits))
    if low < critical < high:
        heights = Scale.of(depths).values(np.array(Scale.of(depths).limits))
        values = {"weight_variance": np.full(2, critical), "depth": heights}
        curves.append(Curve("critical, χ₁ = 1", CRITICAL, values))
    return curves


def _points(axis: Axis) -> np.ndarray:
    """Returns values all along an axis, to the ends of its cells."""
    scale = Scale.of(axis)
    return scale.values(np.linspace(*scale.limits, POINTS))


def draw_curves(panel: Axes, layout: Layout, curves: Sequence[Curve]) -> list[Line2D]:
    """Draws curves over a map.

    Args:
        panel: The panel of the map.
        layout: The layout of the map.
        curves: The curves; those that are not over the map's axes, or miss its cells,
            are left out.

    Returns:
        The lines, for a legend.
    """
    lines = []
    for curve in curves:
        if set(curve.values) != {layout.x.axis.name, layout.y.axis.name}:
            continue
        x, y = (
            scale.coordinates(curve.values[scale.axis.name])
            for scale in (layout.x, layout.y)
        )
        if not (_is_within(layout.x, x) & _is_within(layout.y, y)).any():
            continue
        lines += panel.plot(
            x, y, lw=2.8, label=plain(curve.label), zorder=3.5, path_effects=halo(5.0),
            **_LOOKS[curve.side],
        )  # fmt: skip
    return lines


def _is_within(scale: Scale, coordinates: np.ndarray) -> np.ndarray:
    low, high = scale.limits
    return np.asarray((low <= coordinates) & (coordinates <= high))
