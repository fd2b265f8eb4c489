"""Records that wait on the device are all kept, and take little room."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.monitor import schedule
from tests.support.network import X, Y, fit, make_model


def test_records_that_wait_to_be_read_are_all_kept():
    waits = deepxor.GradientMonitor(every=1)
    reads_at_once = deepxor.GradientMonitor(every=1, on_fault=lambda diagnosis: None)
    for monitor in (waits, reads_at_once):
        fit(make_model(), [monitor], epochs=50)
    np.testing.assert_array_equal(waits.history["step"], range(400))
    for name in ("norm", "loss"):
        np.testing.assert_array_equal(waits.history[name], reads_at_once.history[name])


@pytest.fixture(autouse=True)
def few_full_records(monkeypatch):
    """Lets records wait from the 32nd on, as they do later in a long fit."""
    monkeypatch.setattr(schedule, "FULL_RECORDS", 32)


class Looking(keras.callbacks.Callback):
    """Asks a monitor for its history after every batch, and keeps what it knew."""

    def __init__(self, monitor):
        super().__init__()
        self.monitor, self.steps = monitor, []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.monitor.history["step"].tolist())


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_records_that_wait_to_be_read_are_there_when_asked_for(is_looked_at):
    monitor = deepxor.GradientMonitor(every=1)
    looking = Looking(monitor)
    # 56 steps.
    fit(make_model(), [monitor, looking] if is_looked_at else [monitor], epochs=7)
    assert monitor.history["step"].tolist() == list(range(56))
    if is_looked_at:
        assert looking.steps == [list(range(n + 1)) for n in range(56)]
    # Dear quantities: at the first records all, then each time a quarter later.
    for name in ("update_ratio", "saturated_fraction"):
        known = np.isfinite(monitor.history[name][:, 0])
        assert np.flatnonzero(known).tolist() == [*range(32), 39, 49]
    assert np.isfinite(monitor.history["norm"]).all()


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 36:
            raise RuntimeError("on purpose")


def test_records_that_wait_outlast_an_exception():
    monitor, model = deepxor.GradientMonitor(every=1), make_model()
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(model, [monitor, Failing()], epochs=6)
    fit(model, [monitor], epochs=1)
    assert monitor.history["step"].tolist() == list(range(44))


def test_what_it_keeps_on_the_device_is_half_a_megabyte_for_200_layers():
    hidden = [keras.layers.Dense(1) for _ in range(200)]
    model = keras.Sequential([keras.Input((6,)), *hidden])
    model.compile("sgd", "mse", run_eagerly=True)
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X[:8], Y[:8], verbose=0, callbacks=[monitor])
    (steps,) = vars(model)["_deepxor_compiled_steps"]._kept.values()
    recorder = steps.recorders[0]
    kept = [x for x in vars(recorder).values() if isinstance(x, tf.Variable)]
    assert 0 < sum(value.numpy().nbytes for value in kept) < 2**19
