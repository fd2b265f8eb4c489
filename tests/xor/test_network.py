"""The invariants of replicas and of the compiled loop."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor.events.graph import step_graph_def
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.nn.keras_activation import activation_function
from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.network import blocks
from deepxor.xor.network.blocks import MAX_IN_BLOCK, block_sizes, thread_count
from deepxor.xor.network.build import build
from deepxor.xor.network.layers import ReplicaMaxout, gradient_barrier
from deepxor.xor.train import fit

SMALL = Experiment(hidden_units=(4, 3), replicas=3, num_steps=200, log_every=1)


class Costs(keras.callbacks.Callback):
    """Keeps every replica's cost after each batch, with log_every=1 each step."""

    def __init__(self):
        super().__init__()
        self.costs = []

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations):  # the first batch has no step
            self.costs.append(self.model.snapshot().cost)


def train_costs(experiment):
    model, costs = build(experiment), Costs()
    fit(model, experiment, [costs])
    return model, np.array(costs.costs)


def stock_twin(model, experiment, replica):
    """Returns one replica as a stock Keras model with the same weights."""
    twin = keras.Sequential([keras.Input((experiment.bits,))])
    for layer in model.stack:
        kernel = layer.kernel.numpy()[:, :, replica]
        bias = layer.bias.numpy()[:, replica]
        dense = keras.layers.Dense(kernel.shape[1])
        twin.add(dense)
        dense.set_weights([kernel, bias])
        if isinstance(layer, ReplicaMaxout):
            pieces = layer.pieces
            reshape = keras.layers.Reshape((kernel.shape[1] // pieces, pieces))
            twin.add(reshape)
            twin.add(keras.layers.Lambda(lambda x: keras.ops.max(x, axis=-1)))
        elif layer.name != "hypothesis":
            function = activation_function(experiment.activation)
            twin.add(keras.layers.Activation(function))
    return twin


def stock_gradients(twin, x, y):
    """Returns the loss and the gradients of a stock model, by stock Keras's loss."""
    loss_function = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = loss_function(y, twin(x))
    return float(loss), tape.gradient(loss, twin.trainable_variables)


def train_stock(twin, optimizer, num_steps, is_graph):
    """Trains a stock model step by step, without XLA.

    Args:
        twin: The model.
        optimizer: Of Keras.
        num_steps: Its steps.
        is_graph: Whether as a TensorFlow graph, which is faster and rounds otherwise.

    Returns:
        Its loss after each step, [steps], and the norm of each layer's gradient that
        made the step, [steps, layers].
    """
    x, y = xor()
    loss_function = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizer.build(twin.trainable_variables)

    def step():
        with tf.GradientTape() as tape:
            loss = loss_function(y, twin(x))
        gradients = tape.gradient(loss, twin.trainable_variables)
        optimizer.apply(gradients, twin.trainable_variables)
        pairs = zip(gradients[::2], gradients[1::2], strict=True)
        return loss, tf.stack([tf.linalg.global_norm(pair) for pair in pairs])

    step = tf.function(step) if is_graph else step
    pairs = [step() for _ in range(num_steps + 1)]
    losses, norms = (
        np.array([row.numpy() for row in c]) for c in zip(*pairs, strict=True)
    )
    return losses[1:], norms[:-1]


@pytest.mark.parametrize("initializer", sorted(REPLICA_INITIALIZERS))
@pytest.mark.parametrize("activation", ["sigmoid", "maxout"])
def test_the_start_of_a_replica_depends_on_the_seed_and_its_number_alone(
    initializer, activation
):
    many = Experiment(initializer=initializer, activation=activation, replicas=100)
    one = dataclasses.replace(many, replicas=1)
    other = dataclasses.replace(one, seed=1)
    for a, b, c in zip(*(build(e).stack for e in (many, one, other)), strict=True):
        np.testing.assert_array_equal(a.kernel[..., :1], b.kernel)
        assert not np.array_equal(b.kernel, c.kernel)
        assert not a.bias.numpy().any()
    kernel = build(many).stack[0].kernel.numpy().reshape(-1, 100)
    assert len(np.unique(kernel, axis=1).T) == 100


def test_training_beside_others_or_alone_gives_the_same_losses():
    many = dataclasses.replace(SMALL, activation="tanh", replicas=100)
    one = dataclasses.replace(many, replicas=1)
    np.testing.assert_allclose(
        train_costs(many)[1][:, :1], train_costs(one)[1], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "maxout"])
def test_losses_and_gradients_are_those_of_stock_keras(activation, optimizer):
    # At (0, 0) the pieces of a maxout unit are equal, until rounding parts them. So its
    # twin is trained eagerly, which is slow; a wrong share of a tie, or a wrong step of
    # an optimizer, is there after a few steps.
    is_graph = activation != "maxout"
    experiment = dataclasses.replace(
        SMALL,
        activation=activation,
        optimizer=optimizer,
        learning_rate=0.05,
        num_steps=200 if is_graph else 30,
    )
    model = build(experiment)
    twins = [stock_twin(model, experiment, r) for r in range(experiment.replicas)]
    monitor = ReplicaMonitor(every=1)
    costs = Costs()
    fit(model, experiment, [monitor, costs])
    norms = monitor.history["norm"]

    stock_norms = np.empty((experiment.num_steps, len(model.stack), len(twins)))
    for r, twin in enumerate(twins):
        stock = (keras.optimizers.SGD if optimizer == "sgd" else keras.optimizers.Adam)(
            learning_rate=0.05
        )
        losses, stock_norms[..., r] = train_stock(
            twin, stock, experiment.num_steps, is_graph
        )
        mine = [step_costs[r] for step_costs in costs.costs]
        np.testing.assert_allclose(mine, losses, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        norms, np.median(stock_norms, axis=2), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_takes_the_steps_of_the_stock_one(optimizer):
    experiment = dataclasses.replace(
        SMALL, optimizer=optimizer, activation="tanh", learning_rate=0.05, num_steps=30
    )
    model = build(experiment)
    twins = [stock_twin(model, experiment, r) for r in range(experiment.replicas)]
    costs = Costs()
    fit(model, experiment, [costs])
    name, options = OPTIMIZERS[optimizer]
    for r, twin in enumerate(twins):
        stock = getattr(keras.optimizers, name)(learning_rate=0.05, **options)
        losses, _ = train_stock(twin, stock, experiment.num_steps, is_graph=True)
        mine = [step_costs[r] for step_costs in costs.costs]
        np.testing.assert_allclose(mine, losses, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("replicas", [1, 2, 100, 255, 256, 511, 512, 513, 997, 10_000])
def test_blocks_are_of_one_size_or_two_and_have_room_in_the_cache(replicas):
    sizes = block_sizes(replicas)
    assert sum(sizes) == replicas
    assert max(sizes) <= MAX_IN_BLOCK
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == 1 or len(sizes) % 2 == 0
    assert thread_count(replicas) == (1 if len(sizes) == 1 else 0)


@pytest.mark.parametrize(
    ("optimizer", "activation"),
    [("sgd", "tanh"), ("adam", "tanh"), ("sgd", "maxout")],
)
def test_blocks_train_as_one_block_does(optimizer, activation, monkeypatch):
    # Two blocks of different sizes, and batches that do not end at a record.
    experiment = dataclasses.replace(
        SMALL, optimizer=optimizer, activation=activation, replicas=513, log_every=60
    )
    monitors, models = [], []
    for most in (MAX_IN_BLOCK, 2000):
        monkeypatch.setattr(blocks, "MAX_IN_BLOCK", most)
        models.append(build(experiment))
        monitors.append(ReplicaMonitor(every=60))
        fit(models[-1], experiment, [monitors[-1]])
        assert int(models[-1].optimizer.iterations) == experiment.num_steps
    for a, b in zip(*(model.snapshot().outputs for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    recent = [monitor.history["recent"] for monitor in monitors]
    assert recent[0].shape[-1] == 513
    np.testing.assert_allclose(*recent, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("replicas", [3, 258])
def test_a_batch_hands_over_what_it_has_come_to(replicas):
    experiment = dataclasses.replace(SMALL, replicas=replicas, num_steps=7, log_every=3)
    model = build(experiment)
    fit(model, experiment)
    latest, now = model.unpack(model.latest.rows), model.snapshot()
    for weight, variable in zip(latest.weights, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(weight, variable)
    # Compiled and not, the outputs are rounded otherwise.
    for a, b in zip(latest.outputs, now.outputs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(latest.cost, now.cost, rtol=1e-5)
    np.testing.assert_array_equal(latest.accuracy, now.accuracy)


def test_the_barrier_changes_no_bit_of_a_gradient():
    z = tf.random.stateless_normal([1000], seed=(0, 1))
    upstream = tf.random.stateless_normal([1000], seed=(0, 2)) * 1e-30
    with tf.GradientTape() as tape:
        tape.watch(z)
        passed = gradient_barrier(tf.constant(1.0))(z)
    np.testing.assert_array_equal(passed, z)
    np.testing.assert_array_equal(tape.gradient(passed, z, upstream), upstream)


def test_xla_does_not_remove_the_barrier():
    @tf.function(jit_compile=True)
    def gradient(z, num_steps):
        barrier = gradient_barrier(tf.cast(num_steps > 0, z.dtype))
        return tf.gradients(tf.reduce_sum(tf.nn.relu(barrier(z))), z)

    z, steps = tf.ones([8]), tf.constant(1)
    compiled = gradient.experimental_get_compiler_ir(z, steps)(stage="optimized_hlo")
    assert "divide(" in compiled


def test_the_shown_graph_is_whole_and_names_the_variables():
    experiment = dataclasses.replace(SMALL, num_steps=1)
    model = build(experiment)
    fit(model, experiment, [ReplicaMonitor(every=1)])
    shown = step_graph_def(model.step_graph)
    names = {node.name for node in shown.node}
    inputs = {source for node in shown.node for source in node.input}
    assert {source.removeprefix("^").split(":")[0] for source in inputs} <= names
    for layer in model.stack:
        assert {f"{layer.name}/kernel", f"{layer.name}/bias"} <= names
    assert not [name for name in names if "Placeholder" in name]


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "maxout", "selu"])
def test_gradients_are_those_of_stock_keras_variable_by_variable(activation):
    experiment = dataclasses.replace(SMALL, activation=activation)
    model = build(experiment)
    x, y = xor()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.replica_cost(model.forward(tf.constant(x))[-1]))
    gradients = tape.gradient(loss, model.trainable_variables)
    for r in range(experiment.replicas):
        _, expected = stock_gradients(stock_twin(model, experiment, r), x, y)
        for mine, stock in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(mine[..., r], stock, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradients_are_central_differences(activation):
    experiment = dataclasses.replace(SMALL, activation=activation, seed=3)
    model = build(experiment, dtype="float64")
    rng = np.random.default_rng(0)
    for layer in model.stack:  # biases of zero put the input (0, 0) on relu's kink
        layer.bias.assign(rng.normal(size=layer.bias.shape))

    def cost():
        logits = model.forward(tf.constant(model.x))[-1]
        return model.replica_cost(logits)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(cost())
    gradients = tape.gradient(loss, model.trainable_variables)
    # Both errors of central differences are near 1e-10 at this step in float64. It is
    # small enough that no sample crosses a kink of relu or maxout.
    h = 1e-5
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        start = variable.numpy()
        index = tuple(rng.integers(size) for size in start.shape[:-1])
        shifted = start.copy()
        shifted[index] += h
        variable.assign(shifted)
        above = cost().numpy()
        shifted[index] -= 2 * h
        variable.assign(shifted)
        below = cost().numpy()
        variable.assign(start)
        difference = (above - below) / (2 * h)
        np.testing.assert_allclose(gradient[index], difference, rtol=1e-6, atol=1e-9)


def test_a_replica_that_diverges_harms_no_other_and_is_counted():
    experiment = dataclasses.replace(SMALL, activation="relu", num_steps=50)
    sound = build(experiment)
    ill = build(experiment)
    kernel = ill.stack[1].kernel.numpy()
    kernel[0, 0, 1] = np.nan
    ill.stack[1].kernel.assign(kernel)
    monitor = ReplicaMonitor(every=10)
    fit(sound, experiment)
    fit(ill, experiment, [monitor])
    for a, b in zip(sound.stack, ill.stack, strict=True):
        np.testing.assert_array_equal(a.kernel[..., ::2], b.kernel[..., ::2])
    assert np.isnan(ill.stack[0].kernel[..., 1]).any()
    logs = ill.train_step(tf.constant(1))
    assert float(logs["diverged"]) == pytest.approx(1 / 3)
    assert np.isfinite(float(logs["loss"]))
    assert np.isfinite(monitor.history["norm"]).all()
    assert not np.isfinite(monitor.history["recent"][:, -1, 1]).any()
    assert monitor.diagnosis.verdict == "exploding"
    assert "1 of 3 replicas" in monitor.diagnosis.evidence


def test_the_same_seed_gives_the_same_bits():
    experiment = dataclasses.replace(SMALL, activation="relu", log_every=17)
    first, second = (build(experiment) for _ in range(2))
    for model in (first, second):
        fit(model, experiment, [ReplicaMonitor(every=17)])
    for a, b in zip(first.trainable_variables, second.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_steps_a_call_are_the_steps_one_by_one():
    one_by_one, _ = train_costs(SMALL)
    at_once = build(SMALL)
    fit(at_once, dataclasses.replace(SMALL, log_every=200))
    for a, b in zip(
        one_by_one.trainable_variables, at_once.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_lowers_the_cost(optimizer):
    rate = 0.1 if optimizer in ("sgd", "momentum") else 0.01
    experiment = dataclasses.replace(
        SMALL, optimizer=optimizer, learning_rate=rate, activation="tanh", log_every=200
    )
    model = build(experiment)
    before = model.snapshot().cost
    fit(model, experiment)
    assert (model.snapshot().cost < before).all()


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_lowers_the_cost(activation):
    experiment = dataclasses.replace(SMALL, activation=activation, log_every=200)
    model = build(experiment)
    before = model.snapshot().cost
    fit(model, experiment)
    assert model.snapshot().cost.mean() < before.mean()


@pytest.mark.parametrize("bits", [2, 3, 5])
def test_parity_trains(bits):
    experiment = dataclasses.replace(SMALL, bits=bits, log_every=200)
    model = build(experiment)
    fit(model, experiment)
    assert model(model.x).shape == (2**bits, 3)


def test_nan_is_never_a_right_answer():
    model = build(SMALL)
    accuracy = model.replica_accuracy(tf.fill([4, 1, 3], np.nan))
    assert accuracy.numpy().tolist() == [0, 0, 0]


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "maxout"])
def test_the_hypothesis_of_a_picture_is_the_networks(activation):
    model = build(Experiment(network="deep", activation=activation, bits=3, replicas=4))
    x = np.random.default_rng(0).uniform(size=(9, 3)).astype(np.float32)
    weights = [variable.numpy() for variable in model.trainable_variables]
    hypothesis = model.hypothesis(weights, x)
    # Sums of ten products, in another order: some roundings a layer.
    np.testing.assert_allclose(hypothesis, model(x), rtol=1e-5)
    others = model.hypothesis([weight[..., 1:3] for weight in weights], x)
    np.testing.assert_allclose(others, hypothesis[:, 1:3], rtol=1e-5)


def test_a_hypothesis_of_exactly_a_half_predicts_0():
    model = build(SMALL)
    accuracy = model.replica_accuracy(tf.fill([4, 1, 3], 0.5))
    assert accuracy.numpy().tolist() == [0.5, 0.5, 0.5]
