"""Mean-field theory of the gradient in a wide random network; no TensorFlow.

Schoenholz et al. 2017, "Deep information propagation" (arXiv 1611.01232), after Poole
et al. 2016. Kernels are random, with mean 0 and variance sigma_w^2 / inputs, biases
with variance sigma_b^2. In the limit of infinite width a layer's pre-activations are
normal with mean 0 and, for one sample, variance q, and backpropagation multiplies the
squared norm of the gradient at a layer's output, in the mean over networks,

- on the way to its pre-activations, by the mean squared slope E[phi'(z)^2];
- on the way to the output of the layer before, by sigma_w^2;

and by chi_1 on both together, as in their mean-field theory of backpropagation. The
theory neglects terms of order 1 / width in the squared norm, and a single network
differs from the mean by about sqrt(2 / width) of it. Both hold for a step between two
wide layers, and not for a step to a few inputs, as that of the first layer on XOR.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

# Hidden layers of at least this many units are called wide.
WIDE = 256

# The integrals run to ten standard deviations. Each side of 0 has its own nodes, as
# ReLU and its family have a kink at 0, where Gauss-Hermite would converge slowly. The
# nodes lie close together at 0, where a steep sigmoid has its slope.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_HALF = 5.0 * (_NODES + 1.0)
_DENSITY = 5.0 * _WEIGHTS * np.exp(-0.5 * _HALF**2) / np.sqrt(2.0 * np.pi)
NORMAL_NODES = np.concatenate([-_HALF[::-1], _HALF])
NORMAL_WEIGHTS = np.concatenate([_DENSITY[::-1], _DENSITY])
NORMAL_WEIGHTS /= NORMAL_WEIGHTS.sum()

# A variance outside of this range counts as 0 or as infinite.
SMALLEST, LARGEST = 1e-12, 1e12

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class WideLayer:
    """Describes a layer of infinite width.

    Attributes:
        sigma_w2: sigma_w^2, the variance of the kernel times the number of inputs.
        sigma_b2: sigma_b^2, the variance of the biases.
        activation: phi, the elementwise activation.
        slope: phi', the elementwise derivative of the activation.
    """

    sigma_w2: float
    sigma_b2: float
    activation: Function
    slope: Function


@dataclass(frozen=True)
class Prediction:
    """Holds the prediction of the theory for a network.

    Attributes:
        slope_factor: The factors by which the layers' activations multiply the norm of
            the gradient, [layers] in forward order; NaN for the last layer, which need
            not be wide.
        weight_factor: The factors by which the layers' kernels multiply the norm of the
            gradient, [layers] in forward order.
        chi: chi_1 of the last hidden layer at its fixed point, the factor by which each
            of many such layers would multiply the squared norm.
    """

    slope_factor: np.ndarray
    weight_factor: np.ndarray
    chi: float

    @property
    def depth_scale(self) -> float:
        """The number of layers over which the squared norm changes by a factor e."""
        return depth_scale(self.chi)


def mean_square(function: Function, q: np.ndarray) -> np.ndarray:
    """Returns E[function(z)^2] for normal z of mean 0.

    Args:
        function: An elementwise function.
        q: The variances of z, [...].

    Returns:
        The means, float64 [...].
    """
    z = np.sqrt(np.asarray(q, np.float64))[..., None] * NORMAL_NODES
    return np.square(function(z)) @ NORMAL_WEIGHTS


def next_variance(layer: WideLayer, q: np.ndarray) -> np.ndarray:
    """Returns the variance of the pre-activations of the next layer.

    This is the recursion sigma_w^2 E[phi(z)^2] + sigma_b^2 of Schoenholz et al. 2017.

    Args:
        layer: The layer, to which the next one is equal.
        q: The variances of the layer's pre-activations, [...].

    Returns:
        The variances, float64 [...].
    """
    return layer.sigma_w2 * mean_square(layer.activation, q) + layer.sigma_b2


def fixed_point(layer: WideLayer, start: float = 1.0) -> float:
    """Returns q*, the variance at which many equal layers arrive.

    Args:
        layer: The layer that is repeated.
        start: The variance to start from, above 0.

    Returns:
        The fixed point of `next_variance` nearest to `start` in the direction in which
        it goes; 0 or infinity if there is none between `SMALLEST` and `LARGEST`.
    """

    def growth(log_q: float) -> float:
        q = np.exp(log_q)
        return float(next_variance(layer, q) / q - 1.0)

    here = np.log(start)
    first = growth(here)
    if abs(first) < 1e-9:
        return start
    end = np.log(LARGEST if first > 0 else SMALLEST)
    stops = np.linspace(here, end, 200)
    for before, after in itertools.pairwise(stops):
        if growth(after) * first <= 0:
            return float(np.exp(brentq(growth, before, after)))
    return np.inf if first > 0 else 0.0


def chi(layer: WideLayer, q: float) -> float:
    """Returns chi_1, what a layer multiplies the squared gradient norm by.

    Args:
        layer: The layer.
        q: The variance of its pre-activations; 0 and infinity are taken as limits.

    Returns:
        The factor sigma_w^2 E[phi'(z)^2].
    """
    # The limit is taken, as ReLU has no slope at 0 itself.
    q = min(max(q, SMALLEST), LARGEST)
    return float(layer.sigma_w2 * mean_square(layer.slope, np.array(q)))


def depth_scale(chi: float) -> float:
    """Returns the depth scale of the gradient, -1 / ln(chi_1).

    Args:
        chi: chi_1, at least 0.

    Returns:
        The number of layers over which the squared norm falls by a factor e; negative
        where it grows, infinite where it stays.
    """
    if chi == 1:
        return np.inf
    with np.errstate(divide="ignore"):
        return float(-1.0 / np.log(chi))


def predict(
    layers: Sequence[WideLayer], inputs: np.ndarray, gradient: np.ndarray
) -> Prediction:
    """Predicts what every layer multiplies the norm of a batch's gradient by.

    Samples differ in their variances, so the theory is applied to each of them; the
    norm is that over the whole batch.

    Args:
        layers: The layers in forward order; the activation of the last is not used.
        inputs: The mean square of each sample's inputs, [samples].
        gradient: The squared norm of each sample's gradient at the last
            pre-activations, [samples].

    Returns:
        The prediction.
    """
    variances = []
    signal = np.asarray(inputs, np.float64)
    for layer in layers:
        variances.append(layer.sigma_w2 * signal + layer.sigma_b2)
        signal = mean_square(layer.activation, variances[-1])
    slopes = np.full(len(layers), np.nan)
    for i in range(len(layers) - 2, -1, -1):
        before = layers[i + 1].sigma_w2 * np.asarray(gradient, np.float64)
        gradient = before * mean_square(layers[i].slope, variances[i])
        slopes[i] = np.sqrt(gradient.sum() / before.sum()) if before.any() else np.nan
    last = layers[-2]
    q = fixed_point(last, max(float(np.mean(variances[-2])), SMALLEST))
    return Prediction(
        slope_factor=slopes,
        weight_factor=np.sqrt([layer.sigma_w2 for layer in layers]),
        chi=chi(last, q),
    )
