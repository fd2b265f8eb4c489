"""A fit's session: its ways out, again, in copies, in threads, on full disks."""

import copy
import gc
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

import deepxor
from deepxor.events.reader import event_files, read_run
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.engine.tensorflow import MonitoredTrainFunction
from deepxor.monitor.recorder import StepRecorder
from deepxor.record_steps import is_record

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 8)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
GRAPH, XLA = {"jit_compile": False}, {"jit_compile": True}


def network(units=8, **options):
    model = keras.Sequential([keras.Input((8,)), L.Dense(units, "relu"), L.Dense(1)])
    model.compile("adam", "mse", **options)
    return model


def fit(model, *callbacks, epochs=1):
    model.fit(X, Y, 8, epochs=epochs, verbose=0, callbacks=list(callbacks))


class Raise(keras.callbacks.Callback):
    def __init__(self, step, error):
        super().__init__()
        self.step, self.error = step, error

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == self.step:
            raise self.error


def eventually(condition):
    """Waits for a condition, far longer than it should take."""
    deadline = time.monotonic() + 60.0
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("error", [RuntimeError("on purpose"), KeyboardInterrupt()])
def test_after_an_exception_all_is_written_by_itself(tmp_path, every, error):
    monitor, model = deepxor.GradientMonitor(tmp_path, every=every), network()
    with pytest.raises(type(error)):
        fit(model, monitor, Raise(14, error))
    # Nobody asks the monitor, and Keras calls nothing.
    path = tmp_path / "diagnosis.json"
    assert eventually(path.exists)
    expected = records(0, 14, every)
    assert read_run(tmp_path).flow.steps.tolist() == expected
    assert json.loads(path.read_text())["verdict"] == monitor.diagnosis.verdict
    assert monitor.history["step"].tolist() == expected
    assert not isinstance(model.train_function, MonitoredTrainFunction)


def test_the_next_use_ends_a_session_that_an_exception_has_left(tmp_path):
    monitor, model = deepxor.GradientMonitor(tmp_path, every=1), network()
    with pytest.raises(RuntimeError):
        fit(model, monitor, Raise(5, RuntimeError("on purpose")))
    assert len(monitor.history["step"]) == 5
    assert (tmp_path / "diagnosis.json").exists()
    assert not isinstance(model.train_function, MonitoredTrainFunction)


def test_the_end_of_a_monitor_ends_its_session(tmp_path):
    model, monitors = network(), [deepxor.GradientMonitor(tmp_path, every=1)]
    callbacks = keras.callbacks.CallbackList(monitors, model=model, epochs=1, steps=9)
    # Without a `fit` nobody can tell that it has ended.
    model.make_train_function()
    callbacks.on_train_begin()
    data = iter(tf.data.Dataset.from_tensor_slices((X, Y)).batch(8))
    for batch in range(3):
        callbacks.on_train_batch_begin(batch)
        callbacks.on_train_batch_end(batch, model.train_function(data))
    monitors.clear()
    del callbacks
    gc.collect()
    assert (tmp_path / "diagnosis.json").exists()
    assert read_run(tmp_path).flow.steps.tolist() == [0, 1, 2]


PROGRAM = """
import os, signal, sys
import keras, numpy as np, deepxor

# As at a terminal, also where whoever started the tests ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 6:
            os.kill(os.getpid(), signal.SIGINT)

x = np.random.default_rng(0).normal(size=(160, 8)).astype("float32")
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
monitor = deepxor.GradientMonitor(sys.argv[1], every=1)
model.fit(x, x[:, :1], 8, epochs=2, verbose=0, callbacks=[monitor, Stop()])
"""


def test_ctrl_c_at_a_terminal_leaves_all_there_was(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True
    )
    assert (
        "KeyboardInterrupt" in result.stderr
        and "deepxor" not in (result.stderr.split("KeyboardInterrupt")[-1])
    )
    assert read_run(tmp_path).flow.steps.tolist()[:7] == list(range(7))
    assert (tmp_path / "diagnosis.json").exists()


def alive(kind):
    """Returns how many objects of a type are alive."""
    gc.collect()
    return sum(type(x) is kind for x in gc.get_objects())


def records(start, end, every):
    """Returns the steps of a range that are records."""
    return [step for step in range(start, end) if is_record(step, every)]


class Traced(keras.layers.Layer):
    """Counts how often it is traced."""

    count = 0

    def call(self, x):
        Traced.count += 1
        return x


@pytest.mark.parametrize("options", [GRAPH, XLA], ids=["graph", "XLA"])
@pytest.mark.parametrize("is_new", [False, True])
def test_a_fit_again_traces_nothing_anew(options, is_new):
    model = keras.Sequential([keras.Input((8,)), L.Dense(8, "relu"), Traced()])
    model.add(L.Dense(1))
    model.compile("adam", "mse", **options)
    monitor = deepxor.GradientMonitor(every=4)
    counts, graphs = [], []
    for _ in range(10):
        if is_new:
            monitor = deepxor.GradientMonitor(every=4)
        fit(model, monitor)
        counts.append(Traced.count)
        graphs.append(alive(FuncGraph))
    # In the first fit every step is a record.
    assert len(set(counts[1:])) == 1, counts
    assert len(set(graphs[1:])) == 1, graphs
    start = 180 if is_new else 0
    assert monitor.history["step"].tolist() == records(start, 200, 4)


def test_a_model_compiled_anew_is_traced_anew_and_lets_go_of_what_was():
    # TensorFlow itself keeps the graphs of functions inside of functions.
    model, monitor = network(), deepxor.GradientMonitor(every=4)
    before = alive(StepRecorder)
    for _ in range(4):
        fit(model, monitor)
        model.compile("adam", "mse")
    fit(model, monitor)
    assert alive(StepRecorder) == before + 1
    assert monitor.history["step"].tolist() == records(0, 100, 4)


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_work(tmp_path, is_used, copied):
    monitor = deepxor.GradientMonitor(tmp_path / "a", every=2, layers="dense")
    if is_used:
        fit(network(), monitor)
    other = copied(monitor)
    for name, values in monitor.history.items():
        np.testing.assert_array_equal(other.history[name], values)
    assert other.diagnosis == monitor.diagnosis
    fit(network(), other)
    assert other.history["step"].tolist() == records(0, 20, 2)


def test_a_copy_shares_no_open_writer(tmp_path):
    writer = SummaryWriter(tmp_path)
    copied = pickle.loads(pickle.dumps(deepxor.GradientMonitor(writer)))
    writer.close()
    fit(network(), copied)
    assert len(copied.history["step"]) == 20


def test_a_monitor_that_stands_twice_among_the_callbacks_counts_once():
    monitor = deepxor.GradientMonitor(every=1)
    fit(network(), monitor, monitor)
    assert monitor.history["step"].tolist() == list(range(20))


class Waiting(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def on_train_batch_end(self, batch, logs=None):
        self.has_begun.set()
        self.may_end.wait(30)


def test_a_monitor_in_two_threads_at_once_is_refused_and_the_first_goes_on():
    monitor, waiting = deepxor.GradientMonitor(every=1), Waiting()
    first = threading.Thread(target=fit, args=(network(), monitor, waiting))
    first.start()
    waiting.has_begun.wait(60)
    with pytest.raises(RuntimeError, match="another fit, which is still running"):
        fit(network(), monitor)
    waiting.may_end.set()
    first.join()
    assert monitor.history["step"].tolist() == list(range(20))


def test_two_fits_in_two_threads_are_kept_apart():
    monitors = [deepxor.GradientMonitor(every=1) for _ in range(2)]
    models = [network(units) for units in (6, 9)]
    threads = [
        threading.Thread(target=fit, args=pair)
        for pair in zip(models, monitors, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for monitor in monitors:
        assert monitor.history["step"].tolist() == list(range(20))
        assert monitor.history["norm"].shape == (20, 2)
        assert (monitor.history["norm"] > 0).all()


class Remove(keras.callbacks.Callback):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_train_batch_end(self, batch, logs=None):
        if batch == 9:
            shutil.rmtree(self.folder, ignore_errors=True)


def only_ours(caught):
    return [str(w.message) for w in caught if "GradientMonitor" in str(w.message)]


def test_a_log_dir_removed_during_fit_ends_the_writing_only(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path / "run", every=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(network(), monitor, Remove(tmp_path / "run"), epochs=2)
    (message,) = only_ours(caught)
    assert "stopped writing" in message and "removed" in message
    assert monitor.history["step"].tolist() == list(range(40))
    assert "removed" in monitor.history["notes"]["writing"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_a_full_disk_ends_the_writing_only(tmp_path, monkeypatch):
    def on_full_disk(folder, name):
        return Path("/dev/full").open("wb")

    monitor = deepxor.GradientMonitor(tmp_path, every=1)
    monkeypatch.setattr("deepxor.events.writer.create", on_full_disk)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(network(), monitor)
    (message,) = only_ours(caught)
    assert "stopped writing" in message
    assert len(monitor.history["step"]) == 20


def test_a_log_dir_that_is_no_folder_ends_the_writing_only(tmp_path):
    (tmp_path / "file").write_text("")
    monitor = deepxor.GradientMonitor(tmp_path / "file" / "run", every=1)
    with pytest.warns(UserWarning, match="stopped writing"):
        fit(network(), monitor)
    assert len(monitor.history["step"]) == 20


@pytest.mark.parametrize("scheme", ["ram://deepxor-test", "file://{}"])
def test_remote_folders_go_through_gfile(tmp_path, scheme, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = scheme.format(tmp_path / "run")
    fit(network(), deepxor.GradientMonitor(folder, every=1))
    names = tf.io.gfile.listdir(folder)
    assert "diagnosis.json" in names and len(names) == 2
    (events,) = [name for name in names if "tfevents" in name]
    copied = tmp_path / "copied"
    copied.mkdir()
    tf.io.gfile.copy(f"{folder}/{events}", str(copied / events))
    assert len(read_run(copied).scalars["cost"]) == 20
    assert not (tmp_path / "ram:").exists() and not (tmp_path / "file:").exists()


def test_a_scheme_that_nobody_knows_makes_no_local_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monitor = deepxor.GradientMonitor("nobody://bucket/run", every=1)
    with pytest.warns(UserWarning, match="stopped writing to nobody://bucket/run"):
        fit(network(), monitor)
    assert list(tmp_path.iterdir()) == []


def test_histograms_keep_their_rhythm_and_faults_are_seen_for_ever(
    tmp_path, monkeypatch
):
    from deepxor.monitor import history

    # A history that drops records from its 101st on.
    monkeypatch.setattr(history, "MAX_BYTES", 1)
    seen = []
    monitor = deepxor.GradientMonitor(
        tmp_path, every=1, histograms=16, on_fault=seen.append
    )
    model = network()

    class Poison(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations == 390:
                bias = self.model.layers[-1].bias
                bias.assign(np.full(bias.shape, np.nan))

    fit(model, Poison(), monitor, epochs=22)
    assert len(monitor.history["step"]) < 110
    assert [d.verdict for d in seen] == ["exploding"]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    accumulator.Reload()
    (tag,) = [
        t for t in accumulator.Tags()["tensors"] if t.startswith("gradient_log10_hist")
    ][:1]
    steps = [event.step for event in accumulator.Tensors(tag)]
    assert steps == list(range(0, 440, 16))


def test_a_fit_of_no_steps_is_undecided(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path)
    network().fit(X, Y, epochs=0, verbose=0, callbacks=[monitor])
    assert monitor.diagnosis.verdict == "undecided"
    assert "No step was recorded" in monitor.diagnosis.evidence
    written = json.loads((tmp_path / "diagnosis.json").read_text())
    assert written["verdict"] == "undecided"


def test_another_backend_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError) as caught:
        deepxor.GradientMonitor()
    expected = "GradientMonitor needs Keras on tensorflow. Received: the backend jax"
    assert str(caught.value) == expected


def test_a_monitor_that_is_not_used_makes_no_file(tmp_path):
    deepxor.GradientMonitor(tmp_path / "run")
    assert not (tmp_path / "run").exists() and not event_files(tmp_path)
