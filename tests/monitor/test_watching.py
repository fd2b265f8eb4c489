"""Watching changes nothing: weights bit for bit, whatever the model does."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
SEQUENCES = RNG.normal(size=(64, 7, 5)).astype(np.float32)
GRAPH, XLA, EAGER = {"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}


def compiled(*layers, shape=(8,), loss="mse", **options):
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("adam", loss, **options)
    return model


def noisy_loss():
    seed = keras.random.SeedGenerator(5)

    def noisy(y, p):
        noise = keras.random.normal(keras.ops.shape(y), seed=seed)
        return keras.ops.mean((y + 0.1 * noise - p) ** 2, -1)

    return noisy


class RunningMean(keras.losses.Loss):
    """Divides by a running mean of itself."""

    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(1.0)

    def call(self, y, p):
        error = tf.reduce_mean((y - p) ** 2, axis=-1)
        self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(error))
        return error / self.mean


class Noise(L.Layer):
    """Draws from TensorFlow's own generator, whose state is in the kernel."""

    def call(self, x):
        return x + 0.1 * tf.random.normal(tf.shape(x))


def noisy_activation():
    seed = keras.random.SeedGenerator(3)
    return lambda x: keras.ops.tanh(
        x + 0.1 * keras.random.normal(keras.ops.shape(x), seed=seed)
    )


MODELS = {
    "a loss with noise": lambda o: compiled(
        L.Dense(8, "relu"), L.Dense(1), loss=noisy_loss(), **o
    ),
    "a loss with a running mean": lambda o: compiled(
        L.Dense(8, "relu"), L.Dense(1), loss=RunningMean(), **o
    ),
    "dropout": lambda o: compiled(L.Dense(8, "relu"), L.Dropout(0.3), L.Dense(1), **o),
    "gaussian noise": lambda o: compiled(
        L.GaussianNoise(0.3), L.Dense(8, "relu"), L.Dense(1), **o
    ),
    "noise of TensorFlow's": lambda o: compiled(
        L.Dense(8, "relu"), Noise(), L.Dense(1), **o
    ),
    "an activation with noise": lambda o: compiled(
        L.Dense(8, noisy_activation()), L.Dense(1), **o
    ),
    "PReLU as activation": lambda o: compiled(
        L.Dense(8, activation=L.PReLU()), L.Dense(1), **o
    ),
    "PReLU": lambda o: compiled(L.Dense(8), L.PReLU(), L.Dense(1), **o),
    "batch normalization": lambda o: compiled(
        L.Dense(8), L.BatchNormalization(), L.ReLU(), L.Dense(1), **o
    ),
    "spectral normalization": lambda o: compiled(
        L.SpectralNormalization(L.Dense(8)), L.ReLU(), L.Dense(1), **o
    ),
}
RECURRENT = {
    "SimpleRNN": lambda: L.SimpleRNN(5, dropout=0.2),
    "LSTM": lambda: L.LSTM(5, dropout=0.2, recurrent_dropout=0.2),
    "GRU": lambda: L.GRU(5, recurrent_dropout=0.3),
    "cells": lambda: L.RNN([L.LSTMCell(4, dropout=0.2), L.GRUCell(3, dropout=0.1)]),
    "both ways": lambda: L.Bidirectional(L.GRU(3, dropout=0.2)),
    "stateful": lambda: L.LSTM(4, stateful=True),
}


def train(make, x, monitor):
    keras.utils.set_random_seed(0)
    model = make()
    callbacks = [monitor] if monitor else []
    # Every form of the step, again and again.
    model.fit(
        x, Y, batch_size=8, epochs=4, shuffle=False, verbose=0, callbacks=callbacks
    )
    return model.get_weights()


def check(make, x, **arguments):
    monitor = deepxor.GradientMonitor(**arguments)
    bare, watched = train(make, x, None), train(make, x, monitor)
    for a, b in zip(bare, watched, strict=True):
        np.testing.assert_array_equal(a, b)
    return monitor


@pytest.mark.parametrize("options", [GRAPH, EAGER], ids=["graph", "eager"])
@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_without(name, options):
    # In graphs, steps that are no records run in a function of their own.
    every = 5 if options is GRAPH else None
    monitor = check(lambda: MODELS[name](options), X, every=every)
    assert "recording" not in monitor.history["notes"]
    assert np.isfinite(monitor.history["norm"]).all()


@pytest.mark.parametrize("name", ["a loss with noise", "dropout", "PReLU"])
def test_weights_are_those_without_under_xla(name):
    check(lambda: MODELS[name](XLA), X, every=3)


PICTURES = RNG.uniform(0, 255, (64, 6, 6, 3)).astype(np.float32)


def added():
    """Returns a model whose linear layers are added up and normalized."""
    inputs = keras.Input((8,))
    first = L.Dense(8)(inputs)
    hidden = L.LayerNormalization()(first)
    hidden = L.Add()([L.Activation("gelu")(hidden), L.Dense(8)(hidden), first])
    return keras.Model(inputs, [L.Dense(1)(hidden), L.Dense(1, "sigmoid")(hidden)])


def frozen(layer):
    layer.trainable = False
    return layer


# TensorFlow computes products and what comes after them as one operation, which a
# monitor must not undo by reading what is in between.
FUSED = {
    "linear": (lambda: keras.Sequential([L.Dense(8), L.Dense(1)]), X, Y),
    "layers of their own": (
        lambda: keras.Sequential(
            [L.Dense(8), L.ReLU(), L.Dense(8), L.Activation("silu"), L.Dense(1)]
        ),
        X, Y,
    ),
    **{
        name: (
            lambda name=name: keras.Sequential(
                [L.Dense(8, name), L.Dense(8, name, use_bias=False), L.Dense(1)]
            ),
            X, Y,
        )
        for name in ("relu", "elu", "gelu", "silu", "mish", "softplus", "hard_silu")
    },
    "logits": (lambda: keras.Sequential([L.Dense(8, "tanh"), L.Dense(1)]), X, Y),
    "added up, two outputs": (added, X, [Y, Y]),
    "convolutions": (
        lambda: keras.Sequential(
            [
                L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="silu"),
                L.DepthwiseConv2D(2), frozen(L.BatchNormalization()), L.ReLU(),
                L.Flatten(), L.Dense(1),
            ]
        ),
        PICTURES, Y,
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", [GRAPH, XLA], ids=["graph", "xla"])
@pytest.mark.parametrize("name", FUSED)
def test_fused_operations_stay_fused(name, options):
    build, x, y = FUSED[name]
    weights = []
    for monitor in (None, deepxor.GradientMonitor(every=2)):
        keras.utils.set_random_seed(0)
        model = build()
        losses = "mse" if not isinstance(y, list) else ["mse", "binary_crossentropy"]
        if name == "logits":
            # It applies a sigmoid to what the last layer returns.
            losses = keras.losses.BinaryFocalCrossentropy(from_logits=True)
        model.compile("adam", losses, **options)
        # A batch has as many samples as are looked at, so that a slice is the whole.
        model.fit(
            x, y, 32, epochs=8, shuffle=False, verbose=0,
            callbacks=[monitor] if monitor else [],
            sample_weight=np.linspace(0, 2, 64) if not isinstance(y, list) else None,
        )  # fmt: skip
        weights.append(model.get_weights())
    for bare, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(bare, watched)
    assert np.isfinite(monitor.history["skill"]).all()
    assert np.isfinite(monitor.history["activation_rms"]).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, GRAPH) for name in RECURRENT), ("SimpleRNN", EAGER)],
)
def test_recurrent_layers_are_left_alone(name, options):
    def make():
        model = keras.Sequential(
            [keras.Input(batch_shape=(8, 7, 5)), RECURRENT[name](), L.Dense(1)]
        )
        model.compile("adam", "mse", **options)
        return model

    monitor = check(make, SEQUENCES, every=3)
    assert np.isfinite(monitor.history["time_ratio"][0, 0])


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("a loss with noise", "skill"),
        ("a loss with a running mean", "skill"),
        ("an activation with noise", "saturated_fraction"),
        ("PReLU as activation", "saturated_fraction"),
    ],
)
def test_what_would_have_to_call_somebodys_code_is_nan_and_says_why(name, quantity):
    monitor = check(lambda: MODELS[name](GRAPH), X)
    values = monitor.history[quantity]
    assert np.isnan(values if values.ndim == 1 else values[:, 0]).all()
    why = monitor.history["notes"][quantity]
    assert "state" in why or "own" in why
    # Which units are dead is seen from the outputs.
    assert np.isfinite(monitor.history["dead_fraction"][0, 0])


def test_a_pure_function_of_somebodys_own_is_measured():
    def own(x):
        return 2 * tf.tanh(x)

    monitor = check(lambda: compiled(L.Dense(8, own), L.Dense(1), **GRAPH), X)
    assert np.isfinite(monitor.history["saturated_fraction"][0, 0])


def test_python_s_own_random_numbers_are_not_drawn():
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    model = compiled(L.SimpleRNN(3), L.Dense(1), shape=(7, 5))
    random.seed(1)
    model.fit(
        SEQUENCES, Y, verbose=0, shuffle=False, callbacks=[deepxor.GradientMonitor()]
    )
    assert random.random() == expected


def failing(*args, **kwargs):
    raise RuntimeError("of the monitor")


@pytest.mark.parametrize("options", [GRAPH, XLA, EAGER], ids=["graph", "XLA", "eager"])
def test_an_error_of_the_monitors_own_ends_no_fit(options, monkeypatch):
    from deepxor.monitor.recorder import StepRecorder

    def make():
        return compiled(L.Dense(8, "relu"), L.Dense(1), **options)

    bare = train(make, X, None)
    monkeypatch.setattr(StepRecorder, "_record", failing)
    monitor = deepxor.GradientMonitor()
    with pytest.warns(UserWarning, match="stopped recording.*of the monitor") as caught:
        watched = train(make, X, monitor)
    assert len([w for w in caught if "GradientMonitor" in str(w.message)]) == 1
    for a, b in zip(bare, watched, strict=True):
        np.testing.assert_array_equal(a, b)
    assert monitor.diagnosis.verdict == "undecided"
    assert "of the monitor" in monitor.diagnosis.evidence


@pytest.mark.parametrize("name", ["named_optimizers", "named_rows"])
def test_an_error_before_the_first_step_ends_no_fit_either(name, monkeypatch):
    from deepxor.monitor import session

    monkeypatch.setattr(session, name, failing)
    monitor = deepxor.GradientMonitor()
    with pytest.warns(UserWarning, match="has stopped .*of the monitor"):
        train(lambda: compiled(L.Dense(4), L.Dense(1), **GRAPH), X, monitor)
    assert monitor.diagnosis.verdict == "undecided"


@pytest.mark.parametrize("what", ["skill", "time_ratio"])
def test_a_measurement_that_fails_is_nan_and_says_why(what, monkeypatch):
    from deepxor.monitor.measure.recurrence import Recurrence
    from deepxor.monitor.measure.skill import Skill

    owner = {"skill": Skill, "time_ratio": Recurrence}[what]
    monkeypatch.setattr(owner, "measure", failing)
    model = compiled(L.SimpleRNN(3), L.Dense(1), shape=(7, 5))
    monitor = deepxor.GradientMonitor(every=1)
    with pytest.warns(UserWarning, match=f"stopped {what}"):
        model.fit(SEQUENCES, Y, batch_size=8, verbose=0, callbacks=[monitor])
    assert np.isnan(monitor.history[what]).all()
    assert len(monitor.history["step"]) == 8
    assert "of the monitor" in monitor.history["notes"][what]


class FailingStep(keras.Sequential):
    def train_step(self, data):
        logs = super().train_step(data)
        tf.debugging.Assert(self.optimizer.iterations.value < 3, ["of the model"])
        return logs


def test_an_error_while_a_step_runs_names_the_monitor():
    model = FailingStep([keras.Input((8,)), L.Dense(1)])
    model.compile("sgd", "mse", **GRAPH)
    monitor = deepxor.GradientMonitor()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        model.fit(X, Y, batch_size=8, verbose=0, callbacks=[monitor])
    if hasattr(caught.value, "__notes__"):
        assert "GradientMonitor" in caught.value.__notes__[0]
    # Nothing says whether TensorFlow recorded the step before it met the error.
    assert monitor.history["step"].tolist() in ([0, 1], [0, 1, 2])


class Wrong(keras.Sequential):
    def train_step(self, data):
        raise AttributeError("of the model, while it is traced")


def test_an_error_of_the_models_own_is_the_models_own():
    model = Wrong([keras.Input((8,)), L.Dense(1)])
    model.compile("sgd", "mse", **GRAPH)
    with pytest.raises(AttributeError, match="of the model"):
        model.fit(X, Y, verbose=0, callbacks=[deepxor.GradientMonitor()])


def changed_after_a_fit(monitors):
    keras.utils.set_random_seed(0)
    model = compiled(L.Dense(8, "relu"), L.Dense(1), **GRAPH)
    callbacks = [monitors[0]] if monitors[0] else []
    model.fit(X, Y, batch_size=8, verbose=0, shuffle=False, callbacks=callbacks)
    model.layers[0].trainable = False
    context = contextlib.nullcontext()
    if monitors[1]:
        context = pytest.warns(UserWarning, match="compile it again")
    with context:
        callbacks = [monitors[1]] if monitors[1] else []
        model.fit(X, Y, batch_size=8, verbose=0, shuffle=False, callbacks=callbacks)
    return model.get_weights()


def test_a_model_that_changed_without_being_compiled_is_warned_of():
    bare = changed_after_a_fit([None, None])
    changed_after_a_fit([None, deepxor.GradientMonitor()])
    monitor = deepxor.GradientMonitor()
    again = changed_after_a_fit([monitor, monitor])
    for a, b in zip(bare, again, strict=True):
        np.testing.assert_array_equal(a, b)
