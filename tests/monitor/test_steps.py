"""What is recorded happened: steps, their numbers, their optimizers, their layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.events.reader import read_run
from tests.support.modes import GRAPH, HOW, XLA, L, X, Y, network


def of_unknown_length(kind):
    if kind == "generator":
        return ((X[i : i + 16], Y[i : i + 16]) for i in range(0, 64, 16))
    data = tf.data.Dataset.from_tensor_slices((X, Y))
    return data.filter(lambda x, y: True).batch(16)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("kind", ["data set", "generator"])
@pytest.mark.parametrize("steps_per_execution", [1, 3])
@pytest.mark.parametrize("options", [GRAPH, XLA], ids=["graph", "XLA"])
def test_the_end_of_data_of_unknown_length_is_no_step(
    options, steps_per_execution, kind
):
    epochs = 1 if kind == "generator" else 3
    model = network(steps_per_execution=steps_per_execution, **options)
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(
        of_unknown_length(kind), epochs=epochs, shuffle=False, verbose=0,
        callbacks=[monitor],
    )  # fmt: skip
    history = monitor.history
    assert history["step"].tolist() == list(range(4 * epochs))
    assert (history["norm"] > 0).any(axis=1).all() and (history["loss"] > 0).all()


class FromCheckpoint(keras.callbacks.Callback):
    """Sets the optimizer's count, as a callback that restores a checkpoint does."""

    def __init__(self, when):
        super().__init__()
        setattr(self, when, self.restore)

    def restore(self, *args, **kwargs):
        self.model.optimizer.iterations.assign(40)


@pytest.mark.parametrize("when", ["on_train_begin", "on_epoch_begin"])
@pytest.mark.parametrize("is_first", [True, False])
def test_numbers_begin_where_the_optimizer_is_at_the_first_batch(when, is_first):
    monitor, restored = deepxor.GradientMonitor(every=1), FromCheckpoint(when)
    callbacks = [monitor, restored] if is_first else [restored, monitor]
    network().fit(X, Y, 16, verbose=0, callbacks=callbacks)
    assert monitor.history["step"].tolist() == [40, 41, 42, 43]


class Inside(keras.callbacks.Callback):
    """Trains the model some more inside of a callback."""

    def __init__(self, how, when):
        super().__init__()
        self.how = how
        setattr(self, when, self.train)

    def train(self, *args, **kwargs):
        if self.how == "fit":
            self.model.fit(X[:16], Y[:16], 16, verbose=0)
        elif self.how == "monitored fit":
            inner = deepxor.GradientMonitor(every=1)
            self.model.fit(X[:16], Y[:16], 16, verbose=0, callbacks=[inner])
            assert len(inner.history["step"]) == 1
        else:
            self.model.train_on_batch(X[:16], Y[:16])


@pytest.mark.parametrize("when", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("how", ["train_on_batch", "fit", "monitored fit"])
@pytest.mark.parametrize("is_first", [True, False])
def test_training_inside_a_callback_is_no_step_of_the_outer_fit(how, when, is_first):
    monitor, inside = deepxor.GradientMonitor(every=1), Inside(how, when)
    callbacks = [monitor, inside] if is_first else [inside, monitor]
    network().fit(X, Y, 16, epochs=2, verbose=0, callbacks=callbacks)
    # The inner training may have come before the first step.
    first = int(when == "on_train_batch_begin")
    assert monitor.history["step"].tolist() == list(range(first, first + 8))
    assert (monitor.history["norm"] > 0).any(axis=1).all()


def unfrozen(monitor, **options):
    base = keras.Sequential(
        [keras.Input((8,)), L.Dense(6, "relu", name="b1")], name="base"
    )
    base.trainable = False
    inputs = keras.Input((8,))
    model = keras.Model(inputs, L.Dense(1, name="head")(base(inputs)))
    model.compile("adam", "mse", **options)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    base.trainable = True
    model.compile("adam", "mse", **options)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    return model


def test_after_unfreezing_the_history_goes_on_with_all_layers(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path, every=1)
    unfrozen(monitor)
    history = monitor.history
    assert history["layer"] == ["base/b1", "head"]
    assert history["step"].tolist() == list(range(8))
    assert np.isnan(history["norm"][:4, 0]).all()
    assert np.isfinite(history["norm"][4:]).all()
    assert np.isfinite(history["norm"][:, 1]).all()
    flow = read_run(tmp_path).flow
    assert list(flow.layers) == history["layer"]
    assert flow.steps.tolist() == list(range(8))
    log10 = flow.quantities["norm_log10"]
    np.testing.assert_allclose(log10, np.log10(history["norm"]), atol=1e-5)
    cost = read_run(tmp_path).scalars["cost"]
    np.testing.assert_allclose(list(cost.values()), history["loss"], rtol=1e-6)


def test_after_freezing_the_history_keeps_the_layer():
    model, monitor = network(), deepxor.GradientMonitor(every=1)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    names = monitor.history["layer"]
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    history = monitor.history
    assert history["layer"] == names and len(history["step"]) == 8
    assert np.isnan(history["norm"][4:, 0]).all()
    assert np.isfinite(history["norm"][4:, 1]).all()


BUILDS = {
    "Sequential without Input": lambda: keras.Sequential(
        [L.Dense(16, "relu"), L.Dense(16, "relu", bias_initializer="ones"), L.Dense(1)]
    ),
    "a built backbone under a new head": lambda: keras.Sequential(
        [keras.Sequential([keras.Input((8,)), L.Dense(16, "relu")]), L.Dense(1)]
    ),
}


@HOW
@pytest.mark.parametrize("name", BUILDS)
def test_a_model_built_during_the_fit_has_all_from_the_first_record_on(name, options):
    found = []
    for is_built in (True, False):
        keras.utils.set_random_seed(0)
        model = BUILDS[name]()
        model.compile("sgd", "mse", **options)
        if is_built:
            model.build((None, 8))
        monitor = deepxor.GradientMonitor(every=1)
        model.fit(X, Y, 16, shuffle=False, verbose=0, callbacks=[monitor])
        found.append(monitor.history)
    built, other = found
    for quantity in (
        "norm", "weight_norm", "update_ratio", "dead_fraction", "saturated_fraction",
        "skill",
    ):  # fmt: skip
        np.testing.assert_allclose(built[quantity], other[quantity], rtol=1e-4)
    assert np.isfinite(other["update_ratio"][0]).all()
    assert np.isfinite(other["skill"][0])


@pytest.mark.parametrize("batch", [4, 8, 16])
def test_few_samples_are_taken_together_over_the_next_steps(batch):
    keras.utils.set_random_seed(0)
    hidden = L.Dense(40, "relu", bias_initializer=keras.initializers.Constant(-0.6))
    model = keras.Sequential([keras.Input((8,)), hidden, L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    monitor = deepxor.GradientMonitor(every=100)
    model.fit(X, Y, batch, shuffle=False, epochs=4, verbose=0, callbacks=[monitor])
    history = monitor.history
    assert (history["samples"] == 32).all()
    assert history["regular"].tolist().count(True) == 1
    kernel, bias = hidden.get_weights()
    outputs = np.maximum(X[:32] @ kernel + bias, 0)
    expected = (outputs == 0).all(axis=0).mean()
    assert 0 < expected < 1
    np.testing.assert_allclose(history["dead_fraction"][0, 0], expected)
    error = ((model.predict(X[:32], verbose=0) - Y[:32]) ** 2).mean()
    constants = [Y[:32].mean(), 0, model.predict(X[:32], verbose=0).mean()]
    best = min(((c - Y[:32]) ** 2).mean() for c in constants)
    np.testing.assert_allclose(history["skill"][0], 1 - error / best, rtol=1e-3)


def test_where_records_follow_closely_samples_are_taken_together_over_them():
    keras.utils.set_random_seed(0)
    hidden = L.Dense(40, "relu", bias_initializer=keras.initializers.Constant(-0.6))
    model = keras.Sequential([keras.Input((8,)), hidden, L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    monitor = deepxor.GradientMonitor(every=2)
    model.fit(X, Y, 8, shuffle=False, verbose=0, callbacks=[monitor])
    history = monitor.history
    assert history["samples"].tolist() == [8, 16, 24, *[32] * 5]
    kernel, bias = hidden.get_weights()
    outputs = np.maximum(X @ kernel + bias, 0).reshape(8, 8, 40)
    # Of 32 samples the latest ones.
    expected = [
        (outputs[max(0, n - 4) : n] == 0).all(axis=(0, 1)).mean() for n in range(1, 9)
    ]
    np.testing.assert_allclose(history["dead_fraction"][:, 0], expected)
