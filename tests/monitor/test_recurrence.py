"""What is left of a recurrent layer's gradient at the beginning of its sequences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.events.reader import read_run
from deepxor.monitor.measure.recurrence import SAMPLES, time_ratio

L = keras.layers
RNG = np.random.default_rng(0)
STEPS = 6
X = RNG.normal(size=(20, STEPS, 3)).astype(np.float32)
Y = RNG.normal(size=(20, 1)).astype(np.float32)


def built(layer, dtype="float32"):
    layer.build((None, STEPS, 3))
    return layer, tf.constant(X[:SAMPLES].astype(dtype))


def test_of_a_linear_layer_it_is_that_of_the_powers_of_its_kernel():
    keras.utils.set_random_seed(0)
    layer, x = built(L.SimpleRNN(4, "linear", recurrent_initializer="glorot_normal"))
    kernel = layer.cell.recurrent_kernel.numpy().astype(np.float64)
    gradient = np.linalg.matrix_power(kernel, STEPS) @ np.ones(4)
    expected = np.linalg.norm(gradient) / np.sqrt(4)
    np.testing.assert_allclose(time_ratio(layer, x).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [L.SimpleRNN, L.LSTM, L.GRU])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True, "unroll": True}])
def test_it_is_that_of_central_differences(kind, options):
    keras.utils.set_random_seed(0)
    layer, x = built(kind(4, dtype="float64", **options), "float64")
    shapes = [state.shape for state in layer.get_initial_state(SAMPLES)]
    if kind is not L.LSTM:
        shapes = [(SAMPLES, 4)]

    def total(states):
        return float(tf.reduce_sum(layer(x, initial_state=states)))

    h, squares = 1e-6, 0.0
    for number, shape in enumerate(shapes):
        for index in np.ndindex(*shape):
            states = [np.zeros(shape) for shape in shapes]
            states[number][index] = h
            above = total([tf.constant(state) for state in states])
            states[number][index] = -h
            below = total([tf.constant(state) for state in states])
            squares += ((above - below) / (2 * h)) ** 2
    expected = np.sqrt(squares / (SAMPLES * 4))
    # The ratio is float32, the differences are good to some nine digits.
    np.testing.assert_allclose(time_ratio(layer, x).numpy(), expected, rtol=1e-5)


def test_steps_that_are_masked_take_nothing():
    keras.utils.set_random_seed(0)
    layer, x = built(L.GRU(4))
    mask = tf.constant(np.tile(np.arange(STEPS) < 4, (SAMPLES, 1)))
    whole, short = time_ratio(layer, x, mask), time_ratio(layer, x[:, :4])
    np.testing.assert_allclose(whole.numpy(), short.numpy(), rtol=1e-5)


def stack(*layers):
    return keras.Sequential([keras.Input((STEPS, 3)), *layers, L.Dense(1)])


def cells():
    return L.RNN([L.LSTMCell(4), L.GRUCell(3)])


MODELS = {
    "simple": lambda: stack(L.SimpleRNN(4, name="a")),
    "two": lambda: stack(L.LSTM(4, return_sequences=True, name="a"), L.GRU(3)),
    "both ways": lambda: stack(L.Bidirectional(L.LSTM(4), name="a")),
    "cells": lambda: stack(cells()),
    "masked": lambda: stack(L.Masking(), L.GRU(4)),
    "dropout": lambda: stack(L.LSTM(4, dropout=0.2, recurrent_dropout=0.2)),
    "pictures": lambda: stack(
        L.Reshape((STEPS, 3, 1)), L.ConvLSTM1D(2, 2), L.Flatten()
    ),
}


def recurrent_layers(model):
    return [x for x in model._flatten_layers() if isinstance(x, L.RNN)]


GRAPH, XLA, EAGER = {}, {"jit_compile": True}, {"run_eagerly": True}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *((name, GRAPH) for name in MODELS),
        *((name, EAGER) for name in MODELS),
        ("both ways", XLA),
        ("masked", XLA),
    ],
)
def test_in_fit_it_is_that_of_the_batchs_first_samples(name, how):
    found, weights = [], []
    for monitor in (deepxor.GradientMonitor(every=1), None):
        keras.utils.set_random_seed(0)
        model = MODELS[name]()
        model.compile(keras.optimizers.SGD(0.1), "mse", **how)
        callbacks = [monitor] if monitor else []
        # The last batch is smaller.
        model.fit(X, Y, 12, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
        assert not any("call" in vars(layer) for layer in recurrent_layers(model))
        if monitor:
            found = monitor.history["time_ratio"]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
    layers = recurrent_layers(model)
    assert found.shape[0] == 4 and np.isnan(found[:, -1]).all()
    # Of the weights after the last step, and the sequences of the last batch.
    x = X[[12, 13, 14, 15, 16, 17, 18, 19]]
    ratios = []
    for layer in layers[:1] if name != "both ways" else layers:
        inputs = x.reshape(SAMPLES, STEPS, 3, 1) if name == "pictures" else x
        ratios.append(time_ratio(layer, tf.constant(inputs)).numpy())
    np.testing.assert_allclose(found[-1, 0], max(ratios), rtol=1e-4)


class Peculiar(L.Layer):
    """A cell that has to be told in which mode it works."""

    state_size = output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x, states, training=None):
        assert training
        output = x @ self.kernel + states[0]
        return output, [output]


def test_a_cell_of_somebodys_own_that_cannot_be_run_like_this_does_no_harm():
    model = stack(L.RNN(Peculiar()))
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X, Y, verbose=0, callbacks=[monitor])
    assert np.isnan(monitor.history["time_ratio"]).all()
    assert (monitor.history["norm"] > 0).all()


def test_it_is_measured_ever_more_rarely_and_written(tmp_path):
    model = stack(L.SimpleRNN(4, name="a"))
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(tmp_path, every=1)
    model.fit(X, Y, 4, epochs=8, verbose=0, callbacks=[monitor])
    steps = np.flatnonzero(np.isfinite(monitor.history["time_ratio"][:, 0]))
    # 1 + a quarter of the steps so far further on, and with the weights.
    assert steps.tolist()[:13] == [0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 29, 37]
    scalars = read_run(tmp_path).scalars
    written = scalars["time_ratio_log10/a"]
    assert list(written) == steps.tolist()
    np.testing.assert_allclose(
        list(written.values()),
        np.log10(monitor.history["time_ratio"][steps, 0]),
        rtol=1e-5,
    )
    assert "time_ratio_log10/dense" not in scalars
    # The skill comes with every record that has weights.
    known = monitor.history["skill"]
    assert list(scalars["skill"]) == monitor.history["step"].tolist()
    np.testing.assert_allclose(list(scalars["skill"].values()), known, rtol=1e-5)


def test_a_batch_of_few_samples_counts_its_last_one_several_times():
    model = stack(L.GRU(4))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X[:2], Y[:2], 2, verbose=0, callbacks=[monitor])
    x = tf.constant(X[[0] + [1] * (SAMPLES - 1)])
    expected = time_ratio(model.layers[0], x).numpy()
    np.testing.assert_allclose(monitor.history["time_ratio"][0, 0], expected, rtol=1e-5)


def test_half_precision():
    keras.utils.set_random_seed(0)
    half = keras.Sequential(
        [
            keras.Input((STEPS, 3)),
            L.LSTM(4, dtype="mixed_float16"),
            L.Dense(1, dtype="float32"),
        ]
    )
    half.compile(keras.optimizers.SGD(0.0), "mse")
    monitor = deepxor.GradientMonitor(every=1)
    half.fit(X, Y, 20, shuffle=False, verbose=0, callbacks=[monitor])
    whole = L.LSTM.from_config({**half.layers[0].get_config(), "dtype": "float32"})
    whole.build((None, STEPS, 3))
    whole.set_weights(half.layers[0].get_weights())
    expected = time_ratio(whole, tf.constant(X[:SAMPLES])).numpy()
    np.testing.assert_allclose(monitor.history["time_ratio"][0, 0], expected, rtol=1e-2)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("length", [None, 10**6])
def test_sequences_of_unknown_length_or_very_long_ones_are_not_kept(length):
    model = keras.Sequential(
        [keras.Input((None, 3)), L.AveragePooling1D(2), L.SimpleRNN(2), L.Dense(1)]
    )
    if length:
        model = keras.Sequential(
            [keras.Input((2, length // 4)), L.SimpleRNN(2), L.Dense(1)]
        )
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=1)

    def batches():
        for steps in (4, 8, 6):
            shape = (2, 2, length // 4) if length else (2, steps, 3)
            yield np.zeros(shape, np.float32), np.zeros((2, 1), np.float32)

    spec = tf.TensorSpec((2, 2, length // 4) if length else (2, None, 3))
    data = tf.data.Dataset.from_generator(
        batches, output_signature=(spec, tf.TensorSpec((2, 1)))
    )
    model.fit(data, shuffle=False, verbose=0, callbacks=[monitor])
    # Keras takes a step more where it cannot know that the data has ended.
    assert len(monitor.history["step"]) >= 3
    assert np.isnan(monitor.history["time_ratio"]).all()


def test_early_records_do_not_put_off_the_time_ratio():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.SimpleRNN(3)])
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=40)
    x = np.random.default_rng(0).normal(size=(8, 4, 2))
    model.fit(x, x[:, 0, :1], 8, 121, verbose=0, callbacks=[monitor])
    history = monitor.history
    is_known = ~np.isnan(history["time_ratio"]).all(axis=1)
    # Each is due: of step 40 from 1 on, of step 80 from 51 on, of step 120 from 101 on.
    assert history["step"][is_known].tolist() == [0, 40, 80, 120]
