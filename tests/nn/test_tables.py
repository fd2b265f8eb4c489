"""The zoo: activations, initializers, optimizers, data."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.nn.keras_activation import activation_function
from deepxor.nn.optimizers import make_optimizer
from deepxor.xor.data import xor

# The largest slopes are at, or just below, 0, or at sqrt(2) or 2.3994.
X = np.append(np.linspace(-20, 20, 4001), [-1e-9, np.sqrt(2), 2.3994])
# Keras keeps constants such as a slope of 1/3 in float32, even for float64 arguments.
RTOL = 1e-6

# By their definitions, not by calling Keras.
FORMULAS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(0.1 * x, x),
    "very_leaky_relu": lambda x: np.maximum(x / 3, x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))
    ),
    "gelu": lambda x: x * norm.cdf(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
    "linear": lambda x: x,
}


def test_every_activation_is_checked():
    assert set(FORMULAS) | {"maxout"} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_activations_are_what_their_formulas_say(name):
    x = tf.constant(X, tf.float64)
    np.testing.assert_allclose(
        activation_function(name)(x), FORMULAS[name](X), rtol=RTOL, atol=1e-6
    )


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_the_largest_slope_is_the_largest_slope(name):
    # At a kink, as of ReLU at 0, there is no slope. TensorFlow gives one, which depends
    # on how the function is written.
    x = tf.constant(X[X != 0], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activation_function(name)(x)
    slope = tape.gradient(y, x).numpy().max()
    # The table gives four places.
    assert slope == pytest.approx(ACTIVATIONS[name].largest_slope, abs=1e-4)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_the_gain_keeps_the_second_moment(name):
    z, step = np.linspace(-12, 12, 240_001, retstep=True)
    second_moment = np.sum(FORMULAS[name](z) ** 2 * norm.pdf(z)) * step
    gain = ACTIVATIONS[name].gain
    assert gain == pytest.approx(second_moment**-0.5, abs=1e-4)


def test_the_gain_of_maxout_keeps_the_second_moment_of_two_pieces():
    z, step = np.linspace(-12, 12, 240_001, retstep=True)
    # The density of the larger of two.
    second_moment = np.sum(z**2 * 2 * norm.pdf(z) * norm.cdf(z)) * step
    assert ACTIVATIONS["maxout"].gain == pytest.approx(second_moment**-0.5, abs=1e-9)


def test_the_gains_of_he():
    assert ACTIVATIONS["relu"].gain == np.sqrt(2)
    assert ACTIVATIONS["very_leaky_relu"].gain == np.sqrt(2 / (1 + 1 / 9))


def test_alpha_is_the_limit_of_elu():
    x = tf.constant([-100.0, 3.0])
    np.testing.assert_allclose(activation_function("elu", 0.5)(x), [-0.5, 3.0])


def test_maxout_is_no_elementwise_function():
    with pytest.raises(ValueError, match=r"elementwise .*: name='maxout'"):
        activation_function("maxout")


@pytest.mark.parametrize(
    ("name", "variance", "keras_initializer"),
    [
        ("uniform", 1 / 3, keras.initializers.RandomUniform(-1, 1, seed=1)),
        ("normal", 1.0, keras.initializers.RandomNormal(stddev=1, seed=1)),
        ("glorot", 2 / 500, keras.initializers.GlorotUniform(seed=1)),
        ("he", 2 / 300, keras.initializers.HeNormal(seed=1)),
        ("lecun", 1 / 300, keras.initializers.LecunNormal(seed=1)),
        ("orthogonal", 1 / 300, keras.initializers.Orthogonal(seed=1)),
    ],
)
def test_initializers_have_the_variance_of_kerass(name, variance, keras_initializer):
    kernel = REPLICA_INITIALIZERS[name](np.random.default_rng(0), 300, 200)
    # 60,000 samples: the standard error of a normal's variance is 0.6 %.
    assert kernel.shape == (300, 200)
    assert kernel.mean() == pytest.approx(0, abs=4 * np.sqrt(variance / kernel.size))
    assert kernel.var() == pytest.approx(variance, rel=0.03)
    assert np.var(keras_initializer((300, 200))) == pytest.approx(variance, rel=0.03)


def test_every_initializer_is_checked():
    checked = {"uniform", "normal", "glorot", "he", "lecun", "orthogonal"}
    assert set(REPLICA_INITIALIZERS) == checked


@pytest.mark.parametrize("shape", [(5, 5), (2, 7), (7, 2), (1, 1)])
def test_orthogonal_is_orthogonal(shape):
    kernel = REPLICA_INITIALIZERS["orthogonal"](np.random.default_rng(0), *shape)
    small = kernel.T @ kernel if shape[0] >= shape[1] else kernel @ kernel.T
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [
        ("sgd", keras.optimizers.SGD, 0.0),
        ("momentum", keras.optimizers.SGD, 0.9),
        ("adam", keras.optimizers.Adam, None),
        ("rmsprop", keras.optimizers.RMSprop, 0.0),
        ("adamw", keras.optimizers.AdamW, None),
    ],
)
def test_optimizers_are_kerass(name, kind, momentum):
    optimizer = make_optimizer(name, 0.25)
    assert isinstance(optimizer, kind)
    assert (
        optimizer.get_config() == kind.from_config(optimizer.get_config()).get_config()
    )
    assert float(optimizer.learning_rate) == 0.25
    if momentum is not None:
        assert optimizer.momentum == momentum


def test_xor_is_xor():
    x, y = xor()
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.ravel().tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("bits", range(2, 11))
def test_parity_is_the_xor_of_all_bits(bits):
    x, y = xor(bits)
    assert len(np.unique(x, axis=0)) == 2**bits == len(x)
    expected = np.bitwise_xor.reduce(x.astype(int), axis=1)
    assert (y[:, 0] == expected).all()
