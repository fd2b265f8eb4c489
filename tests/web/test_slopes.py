"""The playground's activations and slopes: those of Keras, and exact in the tails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log1p, log_ndtr, ndtr

import deepxor
from deepxor.nn.activations import ACTIVATIONS, MAXOUT
from deepxor.nn.keras_activation import activation_function
from tests.support.static_site import Modules, browser_modules

TRAINING = Path(deepxor.__file__).parent / "web/static/training"
ELEMENTWISE = [name for name in ACTIVATIONS if name != MAXOUT]

_SIZES = [1e-300, 1e-20, 1e-8, 1e-3, 0.1, 0.34, 0.36, 0.49, 0.51, 1, 2.4, 5, 7, 30, 700]
POINTS = np.array([0.0, -0.0, *_SIZES, *(-np.array(_SIZES)), *np.linspace(-9, 9, 181)])
EXTREMES = np.array([np.inf, -np.inf, np.nan])

_APPLY = """
const values = new Float64Array(given.z.length / given.pieces);
const slopes = new Float64Array(given.z.length);
ACTIVATIONS[given.name].apply(
  given.z, values, slopes, values.length, given.replicas);
return [values, slopes];
"""

Function = Callable[[np.ndarray], np.ndarray]
# TensorFlow's root of 1/2 in gelu is this one also in float64.
_ROOT = np.float64(np.float32(np.sqrt(0.5)))
_STRETCH = _ROOT * np.sqrt(2)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    z = _STRETCH * x
    return ndtr(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


# What is 0 or 1 in floating point where TensorFlow subtracts nearly equal numbers: the
# values and the slopes of negative numbers, and the slopes of positive ones.
TAILS: dict[str, tuple[Function | None, Function | None, Function | None]] = {
    "sigmoid": (expit, *(lambda x: expit(x) * expit(-x),) * 2),
    "tanh": (np.tanh, *(lambda x: np.cosh(x) ** -2,) * 2),
    "elu": (np.expm1, np.exp, None),
    "gelu": (lambda x: x * np.exp(log_ndtr(_STRETCH * x)), _gelu_slope, None),
    "softplus": (lambda x: log1p(np.exp(x)), expit, expit),
    "silu": (
        lambda x: x * expit(x),
        lambda x: expit(x) * (1 + x * expit(-x)),
        lambda x: expit(x) * (1 + x * expit(-x)),
    ),
}


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with browser_modules(TRAINING) as modules:
        yield modules


def apply(
    modules: Modules, name: str, z: np.ndarray, pieces: int = 1, replicas: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    values, slopes = modules.run(
        {"activations.js": "ACTIVATIONS"},
        _APPLY,
        name=name,
        z=z.ravel(),
        pieces=pieces,
        replicas=replicas,
    )
    return values, slopes


def with_keras(function: Callable, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns values and slopes of a function of TensorFlow."""
    x = tf.constant(z, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = function(x)
    return values.numpy(), tape.gradient(values, x).numpy()


def test_the_tables_have_the_same_names(modules: Modules) -> None:
    found = modules.run(
        {"activations.js": "ACTIVATIONS"}, "return Object.keys(ACTIVATIONS);"
    )
    assert found == list(ACTIVATIONS)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_slopes_are_those_of_keras(modules: Modules, name: str) -> None:
    z = POINTS
    if name == "selu":
        # TensorFlow takes exp(x) - 1, which is 0 here, for the kink itself.
        z = z[(z >= 0) | (z < -1e-16)]
    found = apply(modules, name, z)
    expected = with_keras(activation_function(name), z)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_only_what_keras_has_not_is_no_number(modules: Modules, name: str) -> None:
    found = apply(modules, name, EXTREMES)
    expected = with_keras(activation_function(name), EXTREMES)
    for ours, theirs in zip(found, expected, strict=True):
        is_number = ~np.isnan(theirs)
        np.testing.assert_allclose(ours[is_number], theirs[is_number], rtol=1e-15)
    # What has diverged does not look sound.
    assert np.isnan(found[0][2])


@pytest.mark.parametrize("name", TAILS)
def test_tails_have_full_precision(modules: Modules, name: str) -> None:
    size = np.array([0.01, 0.3, 0.4, 0.6, 1, 3, 8, 20, 25, 30, 37])
    below, above = apply(modules, name, -size), apply(modules, name, size)
    found = (below[0], below[1], above[1])
    points = (-size, -size, size)
    for ours, function, x in zip(found, TAILS[name], points, strict=True):
        if function is not None:
            np.testing.assert_allclose(ours, function(x), rtol=1e-12)


def test_the_largest_pieces_share_the_slope(modules: Modules) -> None:
    # Two replicas of three units, whose two pieces lie side by side.
    pieces = np.array([[[1.0, -2], [0, 3]], [[0, 0], [0.0, -0.0]], [[-1, 5], [-1, 4]]])
    found = apply(modules, MAXOUT, pieces, pieces=2, replicas=2)
    expected = with_keras(lambda z: tf.reduce_max(z, axis=1), pieces)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.ravel())


def test_a_piece_that_is_no_number_is_the_largest(modules: Modules) -> None:
    pieces = np.array([[[np.nan, 1], [1, np.nan]]])
    for found in apply(modules, MAXOUT, pieces, pieces=2, replicas=2):
        assert np.isnan(found).all()
