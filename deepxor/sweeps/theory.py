"""Mean-field theory of signals in wide random networks; no TensorFlow.

Poole et al. 2016, "Exponential expressivity in deep neural networks through transient
chaos" (arXiv 1606.05340), and Schoenholz et al. 2017, "Deep information propagation"
(arXiv 1611.01232). `backprop.mean_field` has the variance of one sample's
pre-activations; here is the correlation of two samples, and how fast both come to
their fixed points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

from deepxor.backprop.mean_field import (
    LARGEST,
    NORMAL_NODES,
    NORMAL_WEIGHTS,
    SMALLEST,
    Function,
    WideLayer,
    chi,
    depth_scale,
    fixed_point,
    mean_square,
)
from deepxor.checks import check_choice

ORDERED, CRITICAL, CHAOTIC = "ordered", "critical", "chaotic"

# The activations that the theory knows: phi and phi'.
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "erf": (erf, lambda z: 2.0 / np.sqrt(np.pi) * np.exp(-(z**2))),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "linear": (lambda z: z, np.ones_like),
}

# The nodes on a unit interval for each of the two coordinates of `mean_product`. With
# them the integrals are exact to 1e-8 for variances up to 100.
_UNIT, _UNIT_WEIGHTS = np.polynomial.legendre.leggauss(64)
_UNIT, _UNIT_WEIGHTS = 0.5 * (_UNIT + 1.0), 0.5 * _UNIT_WEIGHTS
_RADII = 9.0 * _UNIT
_RADIAL = 9.0 * _UNIT_WEIGHTS * _RADII * np.exp(-0.5 * _RADII**2)

# |chi_1 - 1| below this counts as 0, as the integrals are not more exact.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Propagation:
    """Describes how signals go through wide random networks, one or many.

    Attributes:
        q: q*, the variance at which the pre-activations arrive; 0 or infinity where
            they vanish or explode.
        c: c*, the correlation at which two samples arrive: 1 where the network makes
            all samples alike.
        chi_1: The factor by which a layer multiplies the squared gradient norm, and
            the slope of the correlation map at a correlation of 1.
        chi_q: The slope of the variance map at q*.
        chi_c: The slope of the correlation map at c*.
    """

    q: np.ndarray
    c: np.ndarray
    chi_1: np.ndarray
    chi_q: np.ndarray
    chi_c: np.ndarray

    @property
    def xi_q(self) -> np.ndarray:
        """The layers over which the distance to q* falls by a factor e.

        NaN where q* is infinite.
        """
        return self._scale(self.chi_q)

    @property
    def xi_c(self) -> np.ndarray:
        """The layers over which the distance to c* falls by a factor e.

        Infinite at the critical point, NaN where q* is infinite.
        """
        return self._scale(self.chi_c)

    @property
    def phase(self) -> np.ndarray:
        """The side of the critical line: `ORDERED`, `CRITICAL` or `CHAOTIC`."""
        return np.select(
            [self.chi_1 < 1 - _ROUNDING, self.chi_1 > 1 + _ROUNDING],
            [ORDERED, CHAOTIC],
            CRITICAL,
        )

    def _scale(self, slopes: np.ndarray) -> np.ndarray:
        scales = np.vectorize(depth_scale, otypes=[float])(slopes)
        return np.where(np.isfinite(self.q), scales, np.nan)


def wide_layer(activation: str, sigma_w2: float, sigma_b2: float) -> WideLayer:
    """Returns a layer of infinite width.

    Args:
        activation: A key of `ACTIVATIONS`.
        sigma_w2: The variance of the kernel times the number of inputs.
        sigma_b2: The variance of the biases.

    Raises:
        ValueError: If the theory does not know the activation.
    """
    check_choice("activation", activation, ACTIVATIONS)
    return WideLayer(sigma_w2, sigma_b2, *ACTIVATIONS[activation])


def propagate(
    activation: str,
    sigma_w2: float | Sequence[float] | np.ndarray,
    sigma_b2: float | Sequence[float] | np.ndarray,
) -> Propagation:
    """Returns how signals go through many equal layers.

    Args:
        activation: A key of `ACTIVATIONS`.
        sigma_w2: The variances of the kernels times the number of inputs, [...].
        sigma_b2: The variances of the biases, of a shape that goes with it.

    Returns:
        The propagation, arrays of the common shape.

    Raises:
        ValueError: If the theory does not know the activation.

    Example:
        >>> signals = propagate("tanh", [1.0, 4.0], 0.05)
        >>> signals.phase.tolist(), signals.xi_c.round(2).tolist()
        (['ordered', 'chaotic'], [3.63, 6.98])
    """
    kernels, biases = np.broadcast_arrays(
        np.asarray(sigma_w2, np.float64), np.asarray(sigma_b2, np.float64)
    )
    points = [
        _point(wide_layer(activation, float(kernel), float(bias)))
        for kernel, bias in zip(kernels.flat, biases.flat, strict=True)
    ]
    columns = np.array(points, np.float64).reshape(-1, 5).T
    return Propagation(*(column.reshape(kernels.shape) for column in columns))


def _point(layer: WideLayer) -> tuple[float, ...]:
    q = fixed_point(layer)
    c, slope = correlation(layer, q)
    return q, c, chi(layer, q), variance_slope(layer, q), slope


def variance_slope(layer: WideLayer, q: float) -> float:
    """Returns chi_q, the slope of the variance map.

    Schoenholz et al. write it as chi_1 + sigma_w^2 E[phi''(z) phi(z)]. By Stein's lemma
    this is sigma_w^2 E[z phi(z) phi'(z)] / q, which needs no second derivative, and so
    is right for ReLU, too.

    Args:
        layer: The layer.
        q: The variance of its pre-activations; 0 and infinity are taken as limits.

    Returns:
        The slope.
    """
    q = min(max(q, SMALLEST), LARGEST)
    z = np.sqrt(q) * NORMAL_NODES
    mean = (z * layer.activation(z) * layer.slope(z)) @ NORMAL_WEIGHTS
    return float(layer.sigma_w2 * mean / q)


def mean_product(function: Function, q: float, c: float) -> float:
    """Returns E[function(u) function(v)] for normal u and v of mean 0.

    The integral is taken in polar coordinates, where kinks at u = 0 and at v = 0 lie on
    rays. A piece of the angle ends at such a ray, so ReLU and its slope are smooth in
    each piece, at any correlation.

    Args:
        function: An elementwise function.
        q: The variance of u and of v.
        c: The correlation of u and v, from -1 to 1.

    Returns:
        The mean.
    """
    half = 0.5 * np.arccos(np.clip(c, -1.0, 1.0))
    kink = 0.5 * np.pi - half
    angles = np.concatenate([kink * _UNIT, kink + half * _UNIT])
    weights = np.concatenate([kink * _UNIT_WEIGHTS, half * _UNIT_WEIGHTS])
    u, v = (
        np.sqrt(q) * np.outer(np.cos(angles + turn), _RADII) for turn in (-half, half)
    )
    # A quarter of the plane stands for the one next to it, where u and v are exchanged;
    # the other half has the opposite signs.
    products = function(u) * function(v) + function(-u) * function(-v)
    return float(weights @ products @ _RADIAL / np.pi)


def next_correlation(layer: WideLayer, q: float, c: float) -> float:
    """Returns the correlation of two samples one layer further.

    Args:
        layer: The layer.
        q: The variance of its pre-activations, a fixed point above 0.
        c: The correlation of two samples' pre-activations.

    Returns:
        The correlation (sigma_w^2 E[phi(u) phi(v)] + sigma_b^2) / q.
    """
    product = mean_product(layer.activation, q, c)
    return (layer.sigma_w2 * product + layer.sigma_b2) / q


def correlation(layer: WideLayer, q: float) -> tuple[float, float]:
    """Returns c*, the correlation at which many equal layers arrive, and chi_c.

    Args:
        layer: The layer that is repeated.
        q: q*, the fixed point of the variance.

    Returns:
        The stable fixed point of `next_correlation`, and the slope there,
        sigma_w^2 E[phi'(u) phi'(v)]. Where q* is 0 or infinite, the point is that of
        equal samples.
    """
    chi_1 = chi(layer, q)
    # As the map is convex, 1 is stable unless the slope there is above 1.
    if chi_1 <= 1 + _ROUNDING or not 0 < q < np.inf:
        return 1.0, chi_1
    # From the left of the only other fixed point Newton's method rises towards it.
    c = 0.0
    for _ in range(50):
        slope = layer.sigma_w2 * mean_product(layer.slope, q, c)
        step = (next_correlation(layer, q, c) - c) / (1.0 - slope)
        c += step
        if step < 1e-12:
            break
    return c, layer.sigma_w2 * mean_product(layer.slope, q, c)


def critical_variance(activation: str, sigma_b2: float) -> float:
    """Returns sigma_w^2 on the critical line, where chi_1 is 1.

    Args:
        activation: A key of `ACTIVATIONS`.
        sigma_b2: The variance of the biases.

    Returns:
        The variance of the kernel times the number of inputs: 2 for ReLU and 1 for
        linear layers, whose signals keep their size on the line without biases alone.

    Raises:
        ValueError: If the theory does not know the activation.

    Example:
        >>> [round(critical_variance("tanh", bias), 3) for bias in (0.0, 0.05)]
        [1.0, 1.761]
    """
    layer = wide_layer(activation, 1.0, sigma_b2)

    def kernel(q: float) -> float:
        return float(1.0 / mean_square(layer.slope, np.array(q)))

    def missing(q: float) -> float:
        """Returns how much more variance the biases need for q to be q*."""
        of_kernel = kernel(q) * float(mean_square(layer.activation, np.array(q)))
        return sigma_b2 - (q - of_kernel)

    if missing(SMALLEST) <= SMALLEST:
        return kernel(SMALLEST)
    end = 1.0
    while missing(end) > 0 and end < LARGEST:
        end *= 4.0
    # Where biases add to a q that nothing bounds, the limit is taken.
    if missing(end) > 0:
        return kernel(1.0)
    return kernel(float(brentq(missing, SMALLEST, end)))
