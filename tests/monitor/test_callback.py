"""The monitor as a callback; what it measures is in test_models.py."""

import dataclasses
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import deepxor
from deepxor.events.reader import event_files, read_run
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.engine.tensorflow import MonitoredTrainFunction
from deepxor.monitor.history import MAX_BYTES, History
from deepxor.quantities import names
from tests.support.network import fit, make_model
from tests.support.zoo import CASES, make


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}])
def test_weights_are_to_the_bit_what_they_are_without(options):
    bare, monitored = make_model(**options), make_model(**options)
    fit(bare)
    fit(monitored, [deepxor.GradientMonitor(every=2)])
    for a, b in zip(bare.get_weights(), monitored.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def is_untouched(model):
    """Whether nothing of a monitor is left on the model."""
    return (
        "apply" not in vars(model.optimizer)
        and not {"train_step", "compute_loss"} & set(vars(model))
        and "scale_loss" not in vars(model.optimizer)
        and model.layers[0].activation is keras.activations.tanh
        and not isinstance(model.train_function, MonitoredTrainFunction)
    )


def test_the_model_and_the_optimizer_are_afterwards_as_they_were():
    model = make_model()
    fit(model)
    before = model.train_function
    fit(model, [deepxor.GradientMonitor()])
    assert is_untouched(model) and model.train_function is before


def test_a_model_that_was_fitted_before_and_one_fitted_twice():
    model, monitor = make_model(), deepxor.GradientMonitor(every=4)
    fit(model)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == [*range(16, 32)]
    fit(model, [monitor])
    assert monitor.history["step"].tolist()[16:] == [32, 36, 38, 40, 44, 45]
    assert (monitor.history["norm"] > 0).all()


def test_frozen_layers_are_left_out():
    model, monitor = make_model(), deepxor.GradientMonitor()
    model.get_layer("second").trainable = False
    model.compile("sgd", "mse")
    fit(model, [monitor])
    assert monitor.history["layer"] == ["first", "output"]


def test_it_writes_what_it_keeps(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path, every=5)
    fit(make_model(), [monitor])
    history, scalars = monitor.history, read_run(tmp_path).scalars
    for i, layer in enumerate(history["layer"]):
        logged = scalars[f"gradient_norm_log10/{layer}"]
        assert list(logged) == history["step"].tolist()
        np.testing.assert_allclose(
            list(logged.values()), np.log10(history["norm"][:, i]), atol=1e-5
        )
    assert len(event_files(tmp_path)) == 1


def test_a_shared_writer_stays_open(tmp_path):
    writer = SummaryWriter(tmp_path)
    fit(make_model(), [deepxor.GradientMonitor(writer)])
    writer.scalar("mine", 1.0, 99)
    writer.close()
    assert read_run(tmp_path).scalars["mine"] == {99: 1.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {"every": 0},
        {"every": 2.5},
        {"every": float("nan")},
        {"every": "5"},
        {"every": 10**30},
        {"every": True},
        {"histograms": -1},
        {"histograms": 1.5},
        {"sample": -1},
        {"sample": True},
        {"layers": "("},
        {"layers": b"h"},
        {"on_fault": "explode"},
        {"on_fault": 5},
        {"log_dir": 5},
    ],
    ids=str,
)
def test_wrong_arguments_are_quoted(arguments):
    ((name, value),) = arguments.items()
    message = rf"^`{name}` must be .*\. Received: {re.escape(f'{name}={value!r}')}$"
    with pytest.raises(ValueError, match=message):
        deepxor.GradientMonitor(**arguments)


def test_integers_of_numpy_are_integers():
    assert deepxor.GradientMonitor(every=np.int64(3)).every == 3


def test_a_history_of_nothing_is_empty_and_undecided():
    monitor = deepxor.GradientMonitor()
    assert monitor.history["norm"].shape == (0, 0)
    assert monitor.diagnosis.verdict == "undecided"


def test_two_monitors_at_once():
    model, monitors = make_model(), [deepxor.GradientMonitor(every=e) for e in (1, 2)]
    fit(model, monitors)
    first, second = (monitor.history for monitor in monitors)
    for name in ("norm", "update_ratio", "saturated_fraction"):
        np.testing.assert_array_equal(first[name], second[name])
    assert first["regular"].all()
    assert second["regular"].tolist() == [True, False] * 8
    assert is_untouched(model)


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


class FailingStep(keras.Sequential):
    def train_step(self, data):
        super().train_step(data)
        raise RuntimeError("of the model")


def test_an_exception_in_a_step_leaves_nothing():
    model = FailingStep(make_model().layers)
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(RuntimeError, match="of the model"):
        fit(model, [deepxor.GradientMonitor()])
    assert is_untouched(model)


def test_an_exception_in_a_callback_leaves_nothing_that_works():
    model, stale = make_model(), deepxor.GradientMonitor(every=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, [stale, Stop()])
    assert "apply" not in vars(model.optimizer)
    fit(model, epochs=1)  # a fit without any monitor
    assert is_untouched(model)
    monitor = deepxor.GradientMonitor(every=1)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == list(range(9, 25))
    assert len(stale.history["step"]) == 1, "the old monitor went on measuring"


def test_a_fit_without_it_is_without_it():
    model, monitor = make_model(), deepxor.GradientMonitor(every=1)
    fit(model, [monitor])
    fit(model)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == [*range(16), *range(32, 48)]


def test_a_model_that_is_built_by_its_first_batch():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=4)
    fit(model, [monitor])
    assert len(monitor.history["layer"]) == 2
    assert (monitor.history["norm"] > 0).all()


def test_embeddings_have_sparse_gradients():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Embedding(10, 4), keras.layers.Flatten(),
         keras.layers.Dense(1)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    monitor, x = deepxor.GradientMonitor(every=1), np.array([[1, 2, 2]])
    model.fit(x, np.ones((1, 1)), verbose=0, callbacks=[monitor])
    assert monitor.history["zero_fraction"][0, 0] == pytest.approx(0.8)


def test_a_model_with_nothing_to_train_is_left_alone():
    model, monitor = make_model(), deepxor.GradientMonitor()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="trainable"):
        fit(model, [monitor])
    assert monitor.history["step"].size == 0


def test_a_history_of_another_model_is_a_new_one():
    monitor = deepxor.GradientMonitor(every=4)
    fit(make_model(), [monitor])
    fit(make_model(), [monitor])
    assert monitor.history["step"].tolist() == [*range(16)]


def test_layers_are_chosen_by_a_regular_expression():
    model, monitor = make_model(), deepxor.GradientMonitor(every=8, layers="^s|put$")
    every_layer = deepxor.GradientMonitor(every=8)
    fit(model, [monitor, every_layer])
    assert monitor.history["layer"] == ["second", "output"]
    # The global norm is of all layers nevertheless.
    np.testing.assert_array_equal(
        monitor.history["global_norm"], every_layer.history["global_norm"]
    )
    with pytest.raises(ValueError, match=r"layers='third'\. The layers are: fi"):
        fit(model, [deepxor.GradientMonitor(layers="third")])


class StopAtOnce(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


@pytest.mark.parametrize(("steps", "every"), [(40, 1), (800, 10), (8000, 100)])
def test_by_default_it_records_some_hundred_times(steps, every):
    monitor, model = deepxor.GradientMonitor(), make_model()
    fit(model, [monitor, StopAtOnce()], epochs=steps // 8)
    assert monitor.every == every


def test_histograms_count_every_element(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path, every=4, histograms=2)
    fit(make_model(), [monitor])
    accumulator = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    accumulator.Reload()
    events = accumulator.Tensors("gradient_log10_histogram/first")
    assert [event.step for event in events] == [0, 1, 2, 8]
    sums = [tf.make_ndarray(event.tensor_proto)[:, 2].sum() for event in events]
    assert sums == [35] * 4  # 6 * 5 + 5


def test_the_history_is_bounded_and_keeps_its_ends():
    history = History(["layer"] * 100)
    table = np.zeros((len(names()), 100), np.float32)
    for step in range(20_000):
        history.add(step, table, 0.0, 0.0)
    assert len(history) * table.nbytes <= MAX_BYTES and history.regular == 20_000
    assert history.steps[:8] == list(range(8))
    assert history.steps[-50:] == list(range(19_950, 20_000))
    assert history.steps == sorted(history.steps)


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN before a batch."""

    def __init__(self, layer, batch):
        super().__init__()
        self.layer, self.batch = layer, batch

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch:
            kernel = self.model.get_layer(self.layer).kernel
            kernel.assign(np.full(kernel.shape, np.nan))


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": False}])
@pytest.mark.parametrize("every", [1, 3, 100])
def test_the_first_gradient_that_is_not_finite_is_kept(every, options):
    monitor = deepxor.GradientMonitor(every=every)
    fit(make_model(**options), [Poison("output", 5), monitor], epochs=2)
    history = monitor.history
    assert history["first_bad"] == (5, "output")
    steps = history["step"]
    assert (history["non_finite"][steps < 5] == 0).all()
    bad = history["non_finite"][steps >= 5]
    assert (bad[:, -1] == 5).all()
    # The weights are NaN from then on, and so is every gradient; of some NaN, XLA's
    # relu makes 0.
    if not options["jit_compile"]:
        assert (bad == [35, 24, 5]).all()


def test_without_small_variables_the_first_bad_record_is_kept():
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(300, use_bias=False, name="only")]
    )
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=2)
    fit(model, [Poison("only", 3), monitor], epochs=1)
    assert monitor.history["first_bad"] == (3, "only")


def test_a_second_fit_that_accumulates_goes_on():
    model, monitor = make_model(), deepxor.GradientMonitor(every=4)
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    fit(model, [monitor])
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == [*range(32)]


def test_nothing_of_a_deep_networks_gradient_underflows():
    model = keras.Sequential(
        [keras.Input((6,)), *(keras.layers.Dense(5, "sigmoid") for _ in range(40)),
         keras.layers.Dense(1)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=1)
    fit(model, [monitor], epochs=1)
    # Its square is no float32.
    assert 0 < monitor.history["norm"][0, 0] < 1e-19


class Handler:
    def __init__(self):
        self.seen = []

    def __call__(self, diagnosis):
        self.seen.append(diagnosis)


def test_a_fault_is_acted_on_during_training():
    handler = Handler()
    monitor = deepxor.GradientMonitor(every=1, on_fault=handler)
    fit(make_model(), [Poison("output", 5), monitor], epochs=3)
    assert [d.verdict for d in handler.seen] == ["exploding"]
    with pytest.warns(UserWarning, match="exploding"):
        fit(
            make_model(),
            [Poison("output", 5), deepxor.GradientMonitor(every=1, on_fault="warn")],
        )
    stopping = deepxor.GradientMonitor(every=1, on_fault="stop")
    with pytest.warns(UserWarning, match="exploding"):
        fit(make_model(), [Poison("output", 5), stopping], epochs=50)
    assert stopping.history["step"][-1] < 40


def test_the_diagnosis_is_in_the_folder_and_in_tensorboard(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path, every=1)
    fit(make_model(), [Poison("output", 5), monitor])
    written = json.loads((tmp_path / "diagnosis.json").read_text())
    expected = dataclasses.asdict(monitor.diagnosis)
    assert written == {**expected, "causes": list(expected["causes"])}
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    (event,) = accumulator.Tensors("diagnosis")
    text = tf.make_ndarray(event.tensor_proto).item().decode()
    assert monitor.diagnosis.advice in text


def test_a_case_of_the_zoo_is_the_same_each_time():
    first, second = (make(CASES["sequential"]).get_weights() for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


class OwnTrainFunction(keras.Sequential):
    """Looks its training step up when it is called, unlike Keras."""

    def make_train_function(self, force=False):
        self.train_function = lambda iterator: self.train_step(next(iterator))


def test_a_train_function_of_somebodys_own_is_seen_into():
    monitor = deepxor.GradientMonitor(every=1)
    model = OwnTrainFunction(make_model().layers)
    model.compile("sgd", "mse", run_eagerly=True)
    fit(model, [monitor])
    assert (monitor.history["norm"] > 0).all()
    assert "train_step" not in vars(model)
