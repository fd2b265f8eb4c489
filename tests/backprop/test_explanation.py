"""The chain rule's factors, beside backpropagation by hand and by gradient tape."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import deepxor
from deepxor.backprop.explanation import explain
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.keras_activation import activation_function
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.build import build

L = keras.layers

# Functions and their slopes, by their definitions.
BY_HAND = {
    "sigmoid": (
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "linear": (lambda z: z, np.ones_like),
}


def dense_chain(widths, activations, dtype="float64"):
    """Returns a chain in float64, its loss included, which Keras has in float32."""
    layers = [
        L.Dense(units, activation=activation, dtype=dtype, name=f"d{i}")
        for i, (units, activation) in enumerate(
            zip(widths[1:], activations, strict=True)
        )
    ]
    model = keras.Sequential([keras.Input((widths[0],), dtype=dtype), *layers])
    model.compile("sgd", keras.losses.MeanSquaredError(dtype=dtype))
    return model


def draw_weights(model, rng):
    for layer in model.layers:
        inputs, _ = layer.kernel.shape
        kernel = rng.normal(size=layer.kernel.shape) / np.sqrt(inputs)
        layer.set_weights([kernel, rng.normal(size=layer.bias.shape) * 0.3])


def backprop_by_hand(model, activations, x, y):
    """Returns norms at each output, before each activation, and at the input."""
    inputs, before = [x], []
    for layer, activation in zip(model.layers, activations, strict=True):
        kernel, bias = layer.get_weights()
        before.append(inputs[-1] @ kernel + bias)
        inputs.append(BY_HAND[activation][0](before[-1]))
    gradient = 2 * (inputs[-1] - y) / y.size
    outputs, slopes = [], []
    for i in range(len(model.layers) - 1, -1, -1):
        outputs.append(np.linalg.norm(gradient))
        gradient = gradient * BY_HAND[activations[i]][1](before[i])
        slopes.append(np.linalg.norm(gradient))
        gradient = gradient @ model.layers[i].get_weights()[0].T
    return outputs[::-1], slopes[::-1], np.linalg.norm(gradient)


@settings(max_examples=25, deadline=None)
@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=7),
    data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)
def test_norms_and_factors_are_those_of_backpropagation_by_hand(widths, data, seed):
    depth = len(widths) - 1
    names = st.sampled_from(sorted(BY_HAND))
    activations = data.draw(st.lists(names, min_size=depth, max_size=depth))
    rng = np.random.default_rng(seed)
    model = dense_chain(widths, activations)
    draw_weights(model, rng)
    x, y = rng.normal(size=(6, widths[0])), rng.normal(size=(6, widths[-1]))
    explanation = explain(model, x, y)
    outputs, slopes, at_input = backprop_by_hand(model, activations, x, y)
    np.testing.assert_allclose(explanation.gradient_norm, outputs, rtol=1e-9)
    np.testing.assert_allclose(explanation.pre_activation_norm, slopes, rtol=1e-9)
    np.testing.assert_allclose(explanation.input_norm, at_input, rtol=1e-9)
    product = outputs[-1]
    for i in range(depth - 1, -1, -1):  # as far as the gradient is above zero
        if not product > 0:
            break
        slope = slopes[i] / outputs[i]
        np.testing.assert_allclose(explanation.slope_factor[i], slope, rtol=1e-9)
        product *= explanation.slope_factor[i]
        if not product > 0:
            assert np.isnan(explanation.weight_factor[i])
            break
        product *= explanation.weight_factor[i]
    np.testing.assert_allclose(product, at_input, rtol=1e-9)


def convnet():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            L.Conv2D(4, 3, activation="sigmoid"),
            L.BatchNormalization(),
            L.Conv2D(3, 3, padding="same"),
            L.Activation("tanh"),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dropout(0.3),
            L.Dense(6, activation="elu"),
            L.Dense(4, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(2)
    return model, rng.normal(size=(5, 9, 9, 2)).astype("f"), rng.integers(0, 4, 5)


@pytest.mark.parametrize("training", [True, False])
def test_the_product_of_all_factors_is_the_measured_gradient(training):
    model, x, y = convnet()
    explanation = explain(model, x, y, training=training)
    inputs = tf.constant(x)
    # A scope leaves dropout's seeds as they are: the same mask as in explain.
    with keras.StatelessScope(), tf.GradientTape() as tape:
        tape.watch(inputs)
        output = model(inputs, training=training)
        loss = model.compute_loss(x=inputs, y=y, y_pred=output)
    expected = np.linalg.norm(tape.gradient(loss, inputs))
    factors = explanation.slope_factor * explanation.weight_factor
    product = explanation.gradient_norm[-1] * factors.prod()
    assert product == pytest.approx(expected, rel=1e-5)
    assert explanation.input_norm == pytest.approx(expected, rel=1e-5)


def test_the_norm_at_each_output_is_that_of_the_rest_of_the_model():
    model, x, y = convnet()
    explanation = explain(model, x, y, training=False)
    for i, layer in enumerate(model.layers[:-1]):
        head = keras.Model(model.inputs[0], layer.output)
        tail = keras.Model(layer.output, model.outputs[0])
        output = head(x, training=False)
        with tf.GradientTape() as tape:
            tape.watch(output)
            predicted = tail(output, training=False)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted)
        expected = np.linalg.norm(tape.gradient(loss, output))
        assert explanation.gradient_norm[i] == pytest.approx(expected, rel=1e-5)


def test_the_model_is_left_as_it_was():
    model, x, y = convnet()
    before = [variable.numpy() for variable in model.variables]
    first = explain(model, x, y)
    second = explain(model, x, y)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
    np.testing.assert_array_equal(first.gradient_norm, second.gradient_norm)
    model.fit(x, y, verbose=0)


def test_layers_without_an_activation_have_a_slope_of_exactly_1():
    model, x, y = convnet()
    explanation = explain(model, x, y)
    slopes = dict(zip(explanation.layers, explanation.slope_factor, strict=True))
    weights = dict(zip(explanation.layers, explanation.weight_factor, strict=True))
    with_activation = {"conv2d", "activation", "dense"}
    for name, slope in slopes.items():
        kind = name.rstrip("0123456789").rstrip("_")
        if kind in ("batch_normalization", "max_pooling", "flatten", "dropout"):
            assert slope == 1
    assert sum(slope != 1 for slope in slopes.values()) == len(with_activation)
    (activation,) = (name for name in weights if name.startswith("activation"))
    assert weights[activation] == 1  # it has no weights
    assert slopes[next(n for n in slopes if n.startswith("conv2d"))] <= 0.25


@pytest.mark.parametrize(
    ("activation", "units", "loss", "logits_loss"),
    [
        (
            "sigmoid",
            1,
            "binary_crossentropy",
            keras.losses.BinaryCrossentropy(from_logits=True),
        ),
        (
            "softmax",
            3,
            "sparse_categorical_crossentropy",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
    ],
)
def test_a_cross_entropy_takes_the_logits_past_the_last_activation(
    activation, units, loss, logits_loss
):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)), rng.integers(0, units + (units == 1), (8, 1))
    with_sigmoid = dense_chain((2, 5, units), ("tanh", activation), "float32")
    with_sigmoid.compile("sgd", loss)
    draw_weights(with_sigmoid, rng)
    with_logits = dense_chain((2, 5, units), ("tanh", "linear"), "float32")
    with_logits.compile("sgd", logits_loss)
    with_logits.set_weights(with_sigmoid.get_weights())
    one, other = (explain(model, x, y) for model in (with_sigmoid, with_logits))
    np.testing.assert_allclose(one.gradient_norm, other.gradient_norm, rtol=1e-5)
    assert one.slope_factor[-1] == other.slope_factor[-1] == 1


def test_the_slope_factor_of_a_softmax_is_that_of_its_jacobian():
    rng = np.random.default_rng(0)
    model = dense_chain((3, 4), ("softmax",))
    draw_weights(model, rng)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    explanation = explain(model, x, y)
    kernel, bias = model.get_weights()
    powers = np.exp(x @ kernel + bias)
    p = powers / powers.sum(axis=1, keepdims=True)
    after = 2 * (p - y) / y.size
    before = p * (after - (p * after).sum(axis=1, keepdims=True))
    expected = np.linalg.norm(before) / np.linalg.norm(after)
    assert explanation.slope_factor[0] == pytest.approx(expected, rel=1e-9)


def stock_twin(model, experiment, replica):
    """Returns one replica as a stock Keras model, without maxout."""
    layers = []
    for layer in model.stack:
        is_last = layer is model.stack[-1]
        layers.append(
            L.Dense(
                layer.units,
                dtype="float64",
                activation=None
                if is_last
                else activation_function(experiment.activation),
            )
        )
    twin = keras.Sequential([keras.Input((experiment.bits,), dtype="float64"), *layers])
    twin.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    for mine, theirs in zip(model.stack, layers, strict=True):
        weights = mine.kernel.numpy()[..., replica], mine.bias.numpy()[..., replica]
        theirs.set_weights(weights)
    return twin


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "selu", "gelu"])
def test_each_replica_is_explained_as_it_would_be_alone(activation):
    experiment = Experiment(
        hidden_units=(5, 3, 4), activation=activation, replicas=4, bits=3
    )
    model = build(experiment, dtype="float64")
    x, y = xor(3)
    together = explain(model, x, y)
    assert together.layers == ("layer1", "layer2", "layer3", "hypothesis")
    assert together.gradient_norm.shape == (4, 4)
    for r in range(4):
        alone = explain(stock_twin(model, experiment, r), x, y)
        for name in ("gradient_norm", "slope_factor", "weight_factor", "decades_lost"):
            mine, stock = getattr(together, name)[:, r], getattr(alone, name)
            # Keras keeps selu's constants, and its loss, in float32.
            np.testing.assert_allclose(mine, stock, rtol=1e-5, atol=1e-7)
        assert together.input_norm[r] == pytest.approx(alone.input_norm, rel=1e-5)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_no_slope_factor_exceeds_the_largest_slope(activation):
    experiment = Experiment(network="lecture", activation=activation, replicas=50)
    explanation = explain(build(experiment, "float64"), *xor())
    largest = ACTIVATIONS[activation].largest_slope
    slopes = explanation.slope_factor[:-1]
    # The table gives four places.
    assert (slopes[~np.isnan(slopes)] <= largest + 1e-4).all()
    if activation == "linear":
        assert (slopes == 1).all()
    np.testing.assert_array_equal(explanation.slope_factor[-1], 1)


def test_maxout_passes_the_gradient_to_its_largest_piece():
    experiment = Experiment(activation="maxout", pieces=3, replicas=20)
    model = build(experiment, "float64")
    rng = np.random.default_rng(0)
    for layer in model.stack:  # biases of zero make the input (0, 0) a tie
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    explanation = explain(model, *xor())
    np.testing.assert_allclose(explanation.slope_factor, 1, rtol=1e-12)


def test_the_lab_refuses_what_does_not_suit_its_truth_table():
    model = build(Experiment(replicas=2))
    x, y = xor()
    for batch in ((x[:, :1], y), (x, y[:, 0]), (x[:0], y[:0])):
        with pytest.raises(ValueError, match="must have the shape"):
            explain(model, *batch)


def test_of_a_dead_layer_the_factor_is_0_and_what_is_behind_it_undefined():
    model = dense_chain((2, 3, 3, 3, 1), ("relu",) * 3 + ("linear",))
    draw_weights(model, np.random.default_rng(0))
    model.layers[1].bias.assign([-99.0] * 3)
    model.layers[2].bias.assign([1.0] * 3)
    explanation = explain(model, np.ones((4, 2)), np.ones((4, 1)))
    assert explanation.slope_factor[1] == 0
    assert np.isnan(explanation.weight_factor[1])
    assert explanation.gradient_norm[0] == 0
    assert np.isnan([explanation.slope_factor[0], explanation.weight_factor[0]]).all()
    assert explanation.decades_lost.tolist()[0] == np.inf
    assert np.isfinite(explanation.decades_lost[1:]).all()
    assert str(explanation).count("exactly 0") == 2  # layer 0 and the input
    assert "nan" not in str(explanation)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_said_so(value):
    model = dense_chain((2, 3, 1), ("tanh", "linear"))
    model.layers[1].kernel.assign([[value], [1.0], [1.0]])
    explanation = explain(model, np.ones((4, 2)), np.ones((4, 1)))
    assert np.isnan(explanation.weight_factor).all()
    assert explanation.prediction is None
    text = str(explanation)
    assert text.count("not finite") == 3 and "nan" not in text and "inf" not in text


def test_integers_have_no_gradient():
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            L.Embedding(7, 3),
            L.Flatten(),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", "mse")
    explanation = explain(model, np.ones((4, 5), np.int32), np.ones((4, 1)))
    assert np.isnan(explanation.input_norm) and np.isnan(explanation.weight_factor[0])
    assert (explanation.gradient_norm > 0).all()


def test_a_gradient_that_float32_could_not_hold_is_measured():
    experiment = Experiment(hidden_units=(5,) * 100, replicas=3)
    explanation = explain(build(experiment, "float64"), *xor())
    assert (explanation.decades_lost[0] > 50).all()
    logs = np.log10(explanation.slope_factor * explanation.weight_factor).sum(axis=0)
    measured = np.log10(explanation.input_norm / explanation.gradient_norm[-1])
    np.testing.assert_allclose(logs, measured, rtol=1e-9)


def test_half_precision_and_targets_in_lists_are_taken():
    model = keras.Sequential(
        [
            keras.Input((2,)),
            L.Dense(4, activation="tanh", dtype="mixed_float16"),
            L.Dense(1, dtype="float32"),
        ]
    )
    model.compile("sgd", "mse")
    explanation = explain(model, [[0.0, 1.0], [1.0, 1.0]], [[1.0], [0.0]])
    assert np.isfinite(explanation.decades_lost).all()


def test_the_front_page_name_is_this_function():
    assert deepxor.explain is explain
