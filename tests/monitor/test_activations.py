"""Dead and saturated fractions are those of the pre-activations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from tests.support.network import X, Y, fit, make_model
from tests.support.zoo import CASES

ACTIVATIONS = (
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
    "hard_sigmoid",
)  # fmt: skip


@pytest.mark.parametrize("how", ["argument", "layer"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dead_and_saturated_fractions_are_those_of_the_pre_activations(name, how):
    keras.utils.set_random_seed(2)
    dense = keras.layers.Dense(
        7, name if how == "argument" else None, name="hidden",
        kernel_initializer=keras.initializers.RandomNormal(stddev=2.0),
        bias_initializer=keras.initializers.RandomNormal(stddev=6.0),
    )  # fmt: skip
    after = [keras.layers.Activation(name)] if how == "layer" else []
    model = keras.Sequential(
        [keras.Input((6,)), dense, *after, keras.layers.Dense(1, name="output")]
    )
    model.compile("sgd", "mse")
    kernel, bias = dense.get_weights()
    monitor = deepxor.GradientMonitor(every=1, sample=20)
    model.fit(X, Y, batch_size=64, shuffle=False, verbose=0, callbacks=[monitor])
    z = (X @ kernel + bias)[:20].astype(np.float64)
    function = keras.activations.get(name)
    # Central differences, in float64.
    h = 1e-6
    above, below = (np.array(function(tf.constant(z + d))) for d in (h, -h))
    slopes = np.abs(above - below) / (2 * h)
    largest = {"sigmoid": 1 / 4, "hard_sigmoid": 1 / 6}.get(name, 1)
    outputs = np.array(function(tf.constant(z.astype(np.float32))))
    history = monitor.history
    dead = (outputs == 0).all(axis=0).mean()
    assert history["dead_fraction"][0, 0] == pytest.approx(dead)
    flat = (slopes < 0.05 * largest).mean()
    # An output close to 1 says its input to a few digits only: one unit of 140.
    assert history["saturated_fraction"][0, 0] == pytest.approx(flat, abs=0.008)
    assert np.isnan(history["dead_fraction"][0, 1])


def test_somebodys_own_function_of_a_known_name_is_not_taken_for_it():
    def tanh(x):
        return 3 * tf.tanh(x)

    model = make_model()
    model.layers[0].activation = tanh
    kernel, bias = model.layers[0].get_weights()
    monitor = deepxor.GradientMonitor(every=8)
    fit(model, [monitor], epochs=1)
    slopes = 3 * (1 - np.tanh(X[:8] @ kernel + bias) ** 2)
    flat = (slopes < 0.05).mean()
    assert monitor.history["saturated_fraction"][0, 0] == pytest.approx(flat, abs=0.03)


def test_channels_are_the_units_of_a_convolution():
    conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), conv, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    conv.bias.assign([0.0, 0.0, -100.0, 0.0])
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(
        CASES["convolutions"].x, CASES["convolutions"].y, verbose=0, callbacks=[monitor]
    )
    assert monitor.history["dead_fraction"][0, 0] == 0.25


def test_parts_of_a_layer_speak_for_it_and_of_a_frozen_one_for_none():
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inside = keras.layers.Dense(3, "tanh")

        def call(self, x):
            return self.inside(x)

    frozen = keras.layers.Dense(3, "relu", name="frozen", trainable=False)
    model = keras.Sequential(
        [keras.Input((6,)), Block(name="block"), frozen, keras.layers.ReLU(),
         keras.layers.Dense(1, name="output")]
    )  # fmt: skip
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=8)
    fit(model, [monitor])
    first, *rest = monitor.history["layer"]
    assert first.startswith("block/dense") and rest == ["output"]
    assert (monitor.history["dead_fraction"][:, 0] == 0).all()
