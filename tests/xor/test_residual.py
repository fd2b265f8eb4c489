"""Identity shortcuts, beside Keras's `Add` and central differences."""

import dataclasses
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor.backprop.explanation import explain
from deepxor.events.graph import step_graph_def
from deepxor.events.reader import read_run
from deepxor.nn.keras_activation import activation_function
from deepxor.xor import text_summary
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.network.build import build
from deepxor.xor.run import Run
from deepxor.xor.train import fit
from deepxor.xor.train import train as continue_training

# Shortcuts at layer3, layer4 and layer6: not at the first layer, which has as many
# units as inputs, not where the width changes, and not at the output.
EXPERIMENT = Experiment(
    hidden_units=(2, 4, 4, 4, 1, 1),
    activation="tanh",
    replicas=3,
    num_steps=40,
    residual=True,
)
SHORTCUTS = (False, False, True, True, False, True, False)
KINDS = ("sigmoid", "relu", "maxout", "linear")
LOSS = keras.losses.BinaryCrossentropy(
    from_logits=True, reduction=None, dtype="float64"
)


def with_biases(experiment):
    """Returns a model in float64 that stands on no kink of relu or maxout."""
    model = build(experiment, dtype="float64")
    rng = np.random.default_rng(0)
    for layer in model.stack:
        # Above zero, so that no layer of relu is dead.
        layer.bias.assign(1 + np.abs(rng.normal(size=layer.bias.shape)))
    return model


class Twin:
    """One replica as a plain Functional model with `keras.layers.Add`.

    Attributes:
        model: From the inputs to all layers' pre-activations and outputs, in turn.
    """

    def __init__(self, network, experiment, replica):
        x = tensor = keras.Input((experiment.bits,), dtype="float64")
        found, kernels = [], []
        for layer, has_shortcut in zip(network.stack, SHORTCUTS, strict=True):
            kernel = layer.kernel.numpy()[:, :, replica]
            dense = keras.layers.Dense(kernel.shape[1], dtype="float64")
            before, z = tensor, dense(tensor)
            if layer.name == "hypothesis":
                tensor = z
            elif experiment.activation == "maxout":
                pairs = keras.layers.Reshape((-1, 2), dtype="float64")(z)
                tensor = keras.ops.max(pairs, axis=-1)
            else:
                function = activation_function(experiment.activation)
                tensor = keras.layers.Activation(function, dtype="float64")(z)
            if has_shortcut:
                tensor = keras.layers.Add(dtype="float64")([tensor, before])
            found += [z, tensor]
            kernels.append((dense, [kernel, layer.bias.numpy()[:, replica]]))
        self.model = keras.Model(x, found)
        for dense, weights in kernels:
            dense.set_weights(weights)

    def measure(self):
        """Returns the loss, its weights' gradients and the norms in the chain.

        The norms are at the input, and at each layer's pre-activations and output.
        """
        x, y = (tf.constant(a, tf.float64) for a in xor())
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            found = self.model(x)
            loss = tf.reduce_mean(LOSS(y, found[-1]))
        weights = tape.gradient(loss, self.model.trainable_variables)
        ends = tape.gradient(loss, [x, *found])
        return float(loss), weights, [np.linalg.norm(end) for end in ends]


@pytest.mark.parametrize("activation", KINDS)
def test_cost_gradients_and_factors_are_those_of_keras_add(activation):
    experiment = dataclasses.replace(EXPERIMENT, activation=activation)
    model = with_biases(experiment)
    explanation = explain(model, *xor())
    with tf.GradientTape() as tape:
        cost = model.replica_cost(model.forward(tf.constant(model.x))[-1])
        loss = tf.reduce_sum(cost)
    gradients = tape.gradient(loss, model.trainable_variables)
    close = {"rtol": 1e-6, "atol": 1e-12}  # of sigmoids some are 1e-9
    for replica in range(experiment.replicas):
        loss, expected, norms = Twin(model, experiment, replica).measure()
        assert float(cost[replica]) == pytest.approx(loss, rel=1e-6)
        for mine, stock in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(mine[..., replica], stock, **close)
        before, outputs = np.array(norms[1::2]), np.array(norms[2::2])
        slope = explanation.slope_factor[:, replica]
        np.testing.assert_allclose(slope[:-1], (before / outputs)[:-1], rtol=1e-6)
        arriving = np.array([norms[0], *outputs[:-1]])
        weight = explanation.weight_factor[:, replica]
        np.testing.assert_allclose(weight, arriving / before, rtol=1e-6)
        product = outputs[-1] * np.prod(slope * weight)
        assert product == pytest.approx(norms[0], rel=1e-6)


@pytest.mark.parametrize("activation", KINDS)
def test_gradients_are_central_differences(activation):
    model = with_biases(dataclasses.replace(EXPERIMENT, activation=activation))

    def cost():
        return model.replica_cost(model.forward(tf.constant(model.x))[-1])

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(cost())
    gradients = tape.gradient(loss, model.trainable_variables)
    h = 1e-5
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        start = variable.numpy()
        shift = np.zeros_like(start)
        shift[0] = h
        if start.ndim == 3:
            shift[0, 1:] = 0
        variable.assign(start + shift)
        above = cost().numpy()
        variable.assign(start - shift)
        below = cost().numpy()
        variable.assign(start)
        index = (0,) * (start.ndim - 1)
        difference = (above - below) / (2 * h)
        np.testing.assert_allclose(gradient[index], difference, rtol=1e-6, atol=1e-9)


def test_training_is_that_of_keras_add():
    experiment = dataclasses.replace(EXPERIMENT, replicas=2)
    model = build(experiment)
    twins = [Twin(model, experiment, replica).model for replica in range(2)]
    fit(model, experiment)
    x, y = xor()
    for replica, twin in enumerate(twins):
        optimizer = keras.optimizers.SGD(experiment.learning_rate)
        for _ in range(experiment.num_steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(LOSS(y, twin(x)[-1]))
            gradients = tape.gradient(loss, twin.trainable_variables)
            optimizer.apply(gradients, twin.trainable_variables)
        pairs = zip(model.trainable_variables, twin.trainable_variables, strict=True)
        for mine, stock in pairs:
            np.testing.assert_allclose(
                mine.numpy()[..., replica], stock, rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("activation", KINDS)
def test_the_surface_is_that_of_the_network(activation):
    model = build(dataclasses.replace(EXPERIMENT, activation=activation))
    x = np.random.default_rng(0).uniform(size=(9, 2)).astype(np.float32)
    weights = [variable.numpy() for variable in model.trainable_variables]
    np.testing.assert_allclose(model.hypothesis(weights, x), model(x), rtol=1e-5)


def test_without_the_setting_the_step_has_no_shortcut():
    graphs = {}
    for residual in (False, True):
        experiment = dataclasses.replace(EXPERIMENT, residual=residual, num_steps=1)
        model = build(experiment)
        fit(model, experiment)
        names = {node.name for node in step_graph_def(model.step_graph).node}
        graphs[residual] = {n.split("/")[0] for n in names if "/shortcut/add" in n}
    assert not graphs[False]
    assert {"layer3", "layer4", "layer6"} == {n for n in graphs[True] if "layer" in n}


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "maxout"])
def test_a_record_measures_what_explain_says(activation):
    experiment = dataclasses.replace(
        EXPERIMENT, hidden_units=(5, 5, 5), activation=activation, num_steps=1
    )
    model, monitor = build(experiment), ReplicaMonitor()
    explanation = explain(model, model.x, model.y)
    norms = np.median(explanation.gradient_norm, axis=1)
    before = np.median(explanation.pre_activation_norm, axis=1)
    fit(model, experiment, [monitor])
    history = monitor.history
    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(history["slope_factor"][0], before / norms, **close)
    found = history["weight_factor"][0, 1:]
    np.testing.assert_allclose(found, norms[:-1] / before[1:], **close)


def test_a_unit_is_dead_if_nothing_but_the_shortcut_comes_through():
    experiment = dataclasses.replace(
        EXPERIMENT, hidden_units=(5, 5, 5), activation="relu", num_steps=1
    )
    model, monitor = build(experiment), ReplicaMonitor()
    first, second = model.stack[:2]
    first.bias.assign(first.bias + 9.0)  # its outputs are above zero
    second.kernel.assign(second.kernel * 0)
    signs = np.where(np.arange(5) < 2, -1.0, 1.0)[:, None]
    second.bias.assign(signs + np.zeros(second.bias.shape))
    fit(model, experiment, [monitor])
    assert monitor.history["dead_fraction"][0, :2].tolist() == [0, pytest.approx(0.4)]


def test_mean_field_theory_has_no_shortcuts():
    wide = Experiment(hidden_units=(256, 256), activation="tanh", replicas=2)
    assert explain(build(wide), *xor()).prediction is not None
    residual = dataclasses.replace(wide, residual=True)
    assert explain(build(residual), *xor()).prediction is None


def test_a_shortcut_needs_as_many_units_as_the_hidden_layer_before():
    assert EXPERIMENT.shortcuts == SHORTCUTS
    assert not any(dataclasses.replace(EXPERIMENT, residual=False).shortcuts)
    assert Experiment(network="lecture", residual=True).shortcuts == (
        (False,) + (True,) * 9 + (False,)
    )


@pytest.mark.parametrize("units", [(), (2,), (5, 4)])
def test_a_network_without_a_place_for_a_shortcut_is_refused(units):
    with pytest.raises(ValueError, match=r"`residual` must .*residual=True, hidden="):
        Experiment(hidden_units=units, residual=True)


def test_another_type_is_refused():
    with pytest.raises(ValueError, match=r"`residual` must be True or False\. Rec"):
        Experiment(residual=1)


def test_the_name_ends_in_residual_and_the_texts_say_it():
    assert Experiment(activation="relu", residual=True).run_name == "deep-relu-residual"
    long = Experiment(hidden_units=(1000,) * 50, residual=True).run_name
    assert long.endswith("-residual") and len(long) == 200
    text = text_summary.settings(EXPERIMENT)
    assert "| residual | yes |" in text
    assert "3 of the 6 hidden layers add their input" in text
    plain = text_summary.settings(dataclasses.replace(EXPERIMENT, residual=False))
    assert "| residual | no |" in plain and "add their input" not in plain


def test_settings_of_a_version_without_it_are_read_as_false():
    settings = json.loads(json.dumps(EXPERIMENT.to_json()))
    assert Experiment.from_json(settings) == EXPERIMENT
    del settings["residual"]
    old = Experiment.from_json(settings)
    assert old == dataclasses.replace(EXPERIMENT, residual=False)


class SignalAfter(keras.callbacks.Callback):
    """Sends SIGINT once after a number of steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= self.steps:
            self.steps = np.inf
            signal.raise_signal(signal.SIGINT)


def train(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.train", "--quiet", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_trains_and_resumes(tmp_path):
    flags = [f"--logdir={tmp_path}", "--residual", "--network=lecture"]
    flags += ["--activation=relu", "--replicas=3", "--num_steps=51", "--log_every=10"]
    done = train(*flags)
    assert (done.returncode, done.stderr) == (0, "")
    run = Run.load(tmp_path / "lecture-relu-residual")
    assert run.experiment == Experiment(
        network="lecture", activation="relu", replicas=3, num_steps=51, log_every=10,
        residual=True,
    )  # fmt: skip
    assert np.isfinite(read_run(run.path).scalars["gradient_norm_log10/layer1"][0])

    stopped = Run.create(tmp_path, run.experiment, "stopped")
    assert continue_training(stopped, [SignalAfter(20)]) == signal.SIGINT
    stopped.close()
    assert 20 <= stopped.results["steps"] < 51
    other = train(*flags, "--resume", "--run_name=stopped", "--noresidual")
    assert "residual=True (now False)" in other.stderr
    done = train(*flags, "--resume", "--run_name=stopped")
    assert (done.returncode, done.stderr) == (0, "")
    resumed = Run.load(tmp_path / "stopped").results
    assert {k: v for k, v in resumed.items() if k != "seconds"} == {
        k: v for k, v in run.results.items() if k != "seconds"
    }
