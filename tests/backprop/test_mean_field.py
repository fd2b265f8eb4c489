"""Mean-field theory beside closed forms, other quadratures and measurements."""

import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from deepxor.backprop import mean_field
from deepxor.backprop.explanation import explain
from deepxor.backprop.mean_field import WIDE, WideLayer
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.build import build


def sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def sigmoid_slope(z):
    return sigmoid(z) * sigmoid(-z)


def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    return (z > 0).astype(float)


def selu(z):
    return 1.0507 * np.where(z > 0, z, 1.6733 * np.expm1(np.minimum(z, 0)))


def wide(sigma_w2, sigma_b2=0.0, activation=np.tanh, slope=lambda z: np.cosh(z) ** -2):
    return WideLayer(sigma_w2, sigma_b2, activation, slope)


@pytest.mark.parametrize("function", [np.tanh, sigmoid, sigmoid_slope, relu, selu])
@pytest.mark.parametrize("q", [1e-6, 0.1, 1.0, 30.0])
def test_mean_squares_are_scipys(function, q):
    def integrand(u):
        return function(np.sqrt(q) * u) ** 2 * norm.pdf(u)

    expected = quad(integrand, -12, 0)[0] + quad(integrand, 0, 12)[0]
    assert mean_field.mean_square(function, q) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("q", [1e-9, 1.0, 1e9])
def test_of_relu_half_the_square_and_half_the_slope_remain(q):
    assert mean_field.mean_square(relu, q) == pytest.approx(q / 2)
    assert mean_field.mean_square(relu_slope, q) == pytest.approx(0.5)


@pytest.mark.parametrize("q", [0.3, 100.0])
def test_the_mean_square_of_an_error_function_is_williams(q):
    """Williams 1997, "Computing with infinite networks", of one input."""
    from scipy.special import erf

    expected = 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q))
    assert mean_field.mean_square(erf, q) == pytest.approx(expected, rel=1e-9)


def test_variances_go_through_samples_side_by_side():
    q = np.array([0.0, 0.5, 2.0])
    together = mean_field.next_variance(wide(1.5, 0.1), q)
    alone = [mean_field.next_variance(wide(1.5, 0.1), np.array(v)) for v in q]
    np.testing.assert_allclose(together, alone)
    assert together[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("layer", "start"),
    [
        (wide(1.5), 1.0),
        (wide(1.5, 0.3), 1e-3),
        (wide(4.0, 0.05), 100.0),
        (wide(1.0, 0, sigmoid, sigmoid_slope), 1.0),
        (wide(1.0, 0.5, relu, relu_slope), 1e-3),
    ],
)
def test_the_fixed_point_is_where_iteration_ends(layer, start):
    q = start
    for _ in range(2000):
        q = float(mean_field.next_variance(layer, np.array(q)))
    assert mean_field.fixed_point(layer, start) == pytest.approx(q, rel=1e-6)


def test_fixed_points_at_zero_at_infinity_and_everywhere():
    assert mean_field.fixed_point(wide(0.9)) == 0
    assert mean_field.fixed_point(wide(1.0)) == pytest.approx(0, abs=1e-8)
    assert mean_field.fixed_point(wide(2.5, 0, relu, relu_slope)) == np.inf
    assert mean_field.fixed_point(wide(2.0, 0, relu, relu_slope), 0.7) == 0.7


def test_chi_is_1_on_the_edge_of_chaos():
    """tanh without biases is critical at sigma_w = 1, ReLU at sigma_w^2 = 2."""
    assert mean_field.chi(wide(1.0), 0.0) == pytest.approx(1)
    for q in (1e-3, 1.0, np.inf):
        relus = wide(2.0, 0, relu, relu_slope)
        assert mean_field.chi(relus, q) == pytest.approx(1)
    assert mean_field.depth_scale(1.0) == np.inf
    assert mean_field.depth_scale(np.exp(-1 / 7)) == pytest.approx(7)
    assert mean_field.depth_scale(np.exp(1 / 7)) == pytest.approx(-7)
    assert mean_field.depth_scale(0.0) == 0


def test_a_prediction_is_that_of_its_samples_weighed_by_their_gradients():
    layers = [wide(2.0), wide(1.5, 0.1), wide(3.0)]
    inputs, gradient = np.array([0.1, 2.0]), np.array([1.0, 4.0])
    both = mean_field.predict(layers, inputs, gradient)
    squares = [
        mean_field.predict(layers, inputs[i : i + 1], np.ones(1)).slope_factor ** 2
        for i in range(2)
    ]
    one, other = squares
    last = (1 * one[1] + 4 * other[1]) / 5
    first = (1 * one[1] * one[0] + 4 * other[1] * other[0]) / (5 * last)
    np.testing.assert_allclose(both.slope_factor[:2] ** 2, [first, last])
    np.testing.assert_allclose(both.weight_factor**2, [2.0, 1.5, 3.0])
    assert np.isnan(both.slope_factor[2])


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("sigmoid", "glorot"),
        ("sigmoid", "orthogonal"),
        ("tanh", "glorot"),
        ("tanh", "he"),
        ("relu", "he"),
        ("relu", "lecun"),
        ("leaky_relu", "he"),
        ("elu", "he"),
        ("selu", "lecun"),
        ("softplus", "glorot"),
    ],
)
def test_measured_factors_are_within_10_percent_at_width_256(activation, initializer):
    experiment = Experiment(
        hidden_units=(WIDE,) * 6,
        activation=activation,
        initializer=initializer,
        replicas=12,
    )
    explanation = explain(build(experiment, "float64"), *xor())
    prediction = explanation.prediction
    slopes = np.median(explanation.slope_factor, axis=1)
    weights = np.median(explanation.weight_factor, axis=1)
    np.testing.assert_allclose(slopes[:-1], prediction.slope_factor[:-1], rtol=0.1)
    # Layer 1 has two inputs: nothing averages out there.
    np.testing.assert_allclose(weights[1:], prediction.weight_factor[1:], rtol=0.1)
    norms = np.median(explanation.gradient_norm, axis=1)
    factors = prediction.slope_factor[1:-1] * prediction.weight_factor[1:-1]
    measured = (norms[0] / norms[-2]) ** (1 / len(factors))
    assert measured == pytest.approx(factors.prod() ** (1 / len(factors)), rel=0.1)


@pytest.mark.parametrize(
    ("activation", "initializer"), [("sigmoid", "glorot"), ("relu", "lecun")]
)
def test_the_measured_depth_scale_is_within_10_percent_at_width_256(
    activation, initializer
):
    experiment = Experiment(
        hidden_units=(WIDE,) * 8,
        activation=activation,
        initializer=initializer,
        replicas=12,
    )
    explanation = explain(build(experiment, "float64"), *xor())
    # From layer 3 on, where the variance has come to its fixed point.
    norms = np.median(explanation.gradient_norm, axis=1)[2:-1]
    falls = np.log(norms[:-1] / norms[1:])
    measured = -1 / (2 * falls.mean())
    assert measured == pytest.approx(explanation.prediction.depth_scale, rel=0.1)


def test_a_wide_stock_model_with_biases_is_predicted_too():
    keras.utils.set_random_seed(0)
    normal = keras.initializers.RandomNormal
    layers = [
        keras.layers.Dense(
            600,
            activation="tanh",
            kernel_initializer=normal(stddev=(2.0 / inputs) ** 0.5),
            bias_initializer=normal(stddev=0.3),
        )
        for inputs in (30, 600, 600, 600)
    ]
    model = keras.Sequential([keras.Input((30,)), *layers, keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 30)), rng.normal(size=(16, 4))
    explanation = explain(model, x, y)
    prediction = explanation.prediction
    np.testing.assert_allclose(
        explanation.slope_factor[:-1], prediction.slope_factor[:-1], rtol=0.1
    )
    np.testing.assert_allclose(
        explanation.weight_factor[1:-1], prediction.weight_factor[1:-1], rtol=0.1
    )
    # The kernels were drawn with sigma_w^2 = 2.
    assert prediction.weight_factor[1] == pytest.approx(2**0.5, rel=0.01)


def test_narrow_and_mixed_chains_have_no_prediction():
    dense = keras.layers.Dense

    def prediction(*layers):
        model = keras.Sequential([keras.Input((2,)), *layers])
        model.compile("sgd", "mse")
        return explain(model, np.ones((3, 2)), np.ones((3, 1))).prediction

    assert prediction(dense(WIDE, "tanh"), dense(1)) is not None
    assert prediction(dense(WIDE - 1, "tanh"), dense(1)) is None
    assert prediction(dense(WIDE, "softmax"), dense(1)) is None
    assert prediction(dense(WIDE), keras.layers.Dropout(0.1), dense(1)) is None
    assert prediction(dense(1)) is None
    maxout = build(Experiment(hidden_units=(WIDE,), activation="maxout", replicas=1))
    assert explain(maxout, *xor()).prediction is None
