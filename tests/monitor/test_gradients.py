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
    # Steps 0, 1-5, 6-10, 11-15.
    assert histogram_sums(tmp_path, "second") == [1, 5, 5, 5]


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


def test_steps_a_call_that_do_not_divide_the_epoch_lose_none(tmp_path):
    model = make_model(steps_per_execution=4)
    monitor = deepxor.GradientMonitor(tmp_path, every=10)
    rows = slice(0, 48)  # six batches: a call of four steps and one of two
    model.fit(X[rows], Y[rows], batch_size=8, epochs=12, verbose=0, callbacks=[monitor])
    assert histogram_sums(tmp_path, "second") == [1, 10, 10, 10, 10, 10, 10, 10, 1]


def histogram_sums(run_dir, layer):
    accumulator = EventAccumulator(str(run_dir), size_guidance={"tensors": 0})
    accumulator.Reload()
    return [
        tf.make_ndarray(event.tensor_proto)[:, 2].sum()
        for event in accumulator.Tensors(f"gradient_norm_log10_histogram/{layer}")
    ]


def test_a_buffer_that_is_read_in_parts_loses_nothing(tmp_path):
    experiment = deepxor.Experiment(
        hidden_units=(3, 2), activation="tanh", num_steps=1467, log_every=1000,
        replicas=3000,
    )  # fmt: skip
    run = deepxor.train_experiment(experiment, tmp_path)
    assert list(read_scalars(run.path)["gradient_norm_log10/layer1"]) == [0, 1000, 1466]
    assert histogram_sums(run.path, "layer1") == [3000, 3_000_000, 466 * 3000]


def test_two_monitors_at_once():
    model, monitors = make_model(), [deepxor.GradientMonitor(every=e) for e in (1, 2)]
    fit(model, monitors)
    first, second = (monitor.history["norm"] for monitor in monitors)
    np.testing.assert_array_equal(first[[*range(0, 16, 2), 15]], second)
    assert "apply" not in vars(model.optimizer)


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def test_an_exception_in_fit_leaves_nothing_on_the_optimizer():
    model, stale = make_model(), deepxor.GradientMonitor(every=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, [stale, Stop()])
    assert "apply" not in vars(model.optimizer)
    monitor = deepxor.GradientMonitor(every=1)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == list(range(1, 17))
    assert int(stale._counter) == 1, "the old monitor went on measuring"


def test_a_fit_without_it_is_without_it():
    model, monitor = make_model(), deepxor.GradientMonitor()
    fit(model, [monitor])
    fit(model)
    assert int(monitor._counter) == 16


def test_inner_models_and_layers_of_one_name_stay_apart():
    inner = [
        keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(6, name="d")], name=name
        )
        for name in ("left", "right")
    ]
    shared = keras.layers.Dense(4, "tanh", name="shared")
    x = keras.Input((6,))
    sides = [shared(model(x)) for model in inner]
    y = keras.layers.Dense(1, name="output")(keras.layers.add(sides))
    model = keras.Model(x, y)
    model.compile("sgd", "mse")
    monitor, weights = deepxor.GradientMonitor(every=1), model.get_weights()
    fit(model, [monitor])
    names = ["left/d", "right/d", "shared", "output"]
    assert monitor.history["layer"] == names
    model.set_weights(weights)
    by_layer = [
        inner[0].layers[-1], inner[1].layers[-1], shared, model.get_layer("output")
    ]  # fmt: skip
    for norm, layer in zip(monitor.history["norm"][0], by_layer, strict=True):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X[:8]) - Y[:8]) ** 2)
        flat = [np.ravel(g) for g in tape.gradient(loss, layer.trainable_variables)]
        assert norm == pytest.approx(np.linalg.norm(np.concatenate(flat)), rel=1e-5)


def test_a_model_that_is_built_by_its_first_batch():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(every=4)
    fit(model, [monitor])
    assert len(monitor.history["layer"]) == 2
    assert (monitor.history["norm"] > 0).all()


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}])
def test_gradient_accumulation_counts_every_gradient(options):
    model = make_model()
    optimizer = keras.optimizers.SGD(gradient_accumulation_steps=4)
    model.compile(optimizer, "mse", **options)
    monitor = deepxor.GradientMonitor(every=1)
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == list(range(16))
    assert (monitor.history["norm"] > 0).all()


def test_norms_of_a_scaled_loss_are_unscaled():
    plain, scaled = make_model(), make_model()
    scaled.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse")
    monitors = [deepxor.GradientMonitor(every=1) for _ in range(2)]
    fit(plain, monitors[:1])
    fit(scaled, monitors[1:])
    first, second = (monitor.history["norm"] for monitor in monitors)
    np.testing.assert_allclose(second, first, rtol=1e-5)


def test_norms_are_those_before_clipping():
    plain, clipped = make_model(), make_model()
    clipped.compile(keras.optimizers.SGD(clipnorm=1e-6), "mse")
    monitors = [deepxor.GradientMonitor(every=1) for _ in range(2)]
    fit(plain, monitors[:1])
    fit(clipped, monitors[1:])
    first, second = (monitor.history["norm"][0] for monitor in monitors)
    np.testing.assert_allclose(second, first, rtol=1e-5)


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
    monitor, model = deepxor.GradientMonitor(every=4), make_model()
    fit(model, [monitor])
    model.get_layer("second").trainable = False
    model.compile("sgd", "mse")
    fit(model, [monitor])
    assert monitor.history["step"].tolist() == [0, 4, 8, 12, 15]
    assert monitor.history["norm"].shape == (5, 2)


def test_a_deep_sigmoid_network_vanishes_and_is_not_dead(tmp_path):
    experiment = deepxor.Experiment(
        hidden_units=(5,) * 40, num_steps=21, replicas=3, log_every=5
    )
    run = deepxor.train_experiment(experiment, tmp_path)
    assert run.results["verdict"] == "vanishing"
    assert 0 < run.results["first_gradient"] < 1e-19
