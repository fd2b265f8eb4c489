"""The monitor on ordinary Keras models; on replicas, see tests/lab/test_networks.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import deepxor
from deepxor.board.events import event_files, read_scalars
from deepxor.board.summaries import SummaryWriter
from deepxor.monitor.gradients import buffer_steps

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype(np.float32)
Y = RNG.normal(size=(64, 1)).astype(np.float32)


def make_model(**options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, "tanh", name="first"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(4, "relu", name="second"),
            keras.layers.Dense(1, name="output"),
        ]
    )
    model.compile("sgd", "mse", **options)
    return model


def fit(model, callbacks=(), epochs=2):
    model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0,
        callbacks=list(callbacks),
    )  # fmt: skip


class Tape(keras.callbacks.Callback):
    """Computes the norms of each batch anew, with a tape, before it is trained on."""

    def __init__(self):
        super().__init__()
        self.norms, self.zeros = [], []

    def on_train_batch_begin(self, batch, logs=None):
        rows = slice(8 * batch, 8 * batch + 8)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.model(X[rows]) - Y[rows]) ** 2)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        pairs = zip(gradients[::2], gradients[1::2], strict=True)
        flat = [np.concatenate([np.ravel(g) for g in pair]) for pair in pairs]
        self.norms.append([np.linalg.norm(f) for f in flat])
        self.zeros.append([(f == 0).mean() for f in flat])


@pytest.mark.parametrize(
    "options",
    [{}, {"jit_compile": True}, {"run_eagerly": True}, {"jit_compile": False}],
)
def test_every_step_is_what_a_tape_measures(options):
    model = make_model(**options)
    monitor, tape = deepxor.GradientMonitor(every=1), Tape()
    fit(model, [tape, monitor])
    history = monitor.history
    assert history["layer"] == ["first", "second", "output"]
    assert history["step"].tolist() == list(range(16))
    np.testing.assert_allclose(history["norm"], tape.norms, rtol=1e-5)
    np.testing.assert_allclose(history["zero_fraction"], tape.zeros, rtol=1e-6)


def test_several_steps_a_call():
    monitor = deepxor.GradientMonitor(every=3)
    fit(make_model(steps_per_execution=4), [monitor])
    each = deepxor.GradientMonitor(every=1)
    fit(make_model(), [each])
    assert monitor.history["step"].tolist() == [0, 3, 6, 9, 12, 15]
    np.testing.assert_allclose(
        monitor.history["norm"], each.history["norm"][::3], rtol=1e-5
    )


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}])
def test_weights_are_to_the_bit_what_they_are_without(options):
    bare, monitored = make_model(**options), make_model(**options)
    fit(bare)
    fit(monitored, [deepxor.GradientMonitor(every=2)])
    for a, b in zip(bare.get_weights(), monitored.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_is_left_on_the_optimizer():
    model = make_model()
    fit(model, [deepxor.GradientMonitor()])
    assert "apply" not in vars(model.optimizer)


def test_a_model_that_was_fitted_before_and_one_fitted_twice():
    model, monitor = make_model(), deepxor.GradientMonitor(every=4)
    fit(model)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == [16, 20, 24, 28, 31]
    fit(model, [monitor])
    assert monitor.history["step"].tolist()[5:] == [32, 36, 40, 44, 47]
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
    history, scalars = monitor.history, read_scalars(tmp_path)
    for i, layer in enumerate(history["layer"]):
        logged = scalars[f"gradient_norm_log10/{layer}"]
        assert list(logged) == history["step"].tolist()
        np.testing.assert_allclose(
            list(logged.values()), np.log10(history["norm"][:, i]), atol=1e-5
        )
    assert len(event_files(tmp_path)) == 1


def test_no_steps_gradient_goes_unseen(tmp_path):
    monitor = deepxor.GradientMonitor(tmp_path, every=5)
    fit(make_model(), [monitor])
    accumulator = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    accumulator.Reload()
    counts = [
        tf.make_ndarray(event.tensor_proto)[:, 2].sum()
        for event in accumulator.Tensors("gradient_norm_log10_histogram/second")
    ]
    assert counts == [1, 5, 5, 5]  # steps 0, 1-5, 6-10, 11-15


def test_a_shared_writer_stays_open(tmp_path):
    writer = SummaryWriter(tmp_path)
    fit(make_model(), [deepxor.GradientMonitor(writer)])
    writer.scalar("mine", 1.0, 99)
    writer.close()
    assert read_scalars(tmp_path)["mine"] == {99: 1.0}


def test_state_and_restore_give_the_same_history():
    first, second = (deepxor.GradientMonitor(every=3) for _ in range(2))
    fit(make_model(), [first])
    second.restore(first.state())
    for key, value in first.history.items():
        np.testing.assert_array_equal(value, second.history[key])
    assert first.diagnosis == second.diagnosis


@pytest.mark.parametrize("arguments", [{"every": 0}, {"replicas": 0}])
def test_wrong_arguments_are_quoted(arguments):
    with pytest.raises(ValueError, match="=0: allowed"):
        deepxor.GradientMonitor(**arguments)


def test_a_history_of_nothing_is_empty_and_healthy():
    monitor = deepxor.GradientMonitor()
    assert monitor.history["norm"].shape == (0, 0)
    assert monitor.diagnosis.verdict == "healthy"


def test_the_buffer_is_bounded():
    assert buffer_steps(100, 11, 100) == 100
    assert 1 <= buffer_steps(1000, 11, 10_000) < 100
    assert buffer_steps(10**9, 10**6, 10**6) == 1
