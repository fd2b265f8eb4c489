import keras
import numpy as np
import pytest

from deepxor.monitor.callback import GradientMonitor
from deepxor.nn.keras_activation import keras_activation
from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.quantities import names
from deepxor.vision.perceptrons.batches import Batches
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.digits import digits
from deepxor.vision.perceptrons.loop import TrainLoop
from deepxor.vision.perceptrons.train import train
from deepxor.vision.perceptrons.weights import initial_weights


def keras_model(experiment, weights, network):
    """The same network as a stock model of Keras, with the same initial weights."""
    layers = [keras.Input((64,))]
    for name in experiment.layer_names[:-1]:
        activation = keras_activation(experiment.activation)
        layers.append(keras.layers.Dense(experiment.width, activation, name=name))
    layers.append(keras.layers.Dense(10, name=experiment.layer_names[-1]))
    model = keras.Sequential(layers)
    model.set_weights(layer_weights(weights, network))
    class_name, options = OPTIMIZERS[experiment.optimizer]
    optimizer = getattr(keras.optimizers, class_name)
    model.compile(
        optimizer(experiment.learning_rate, **options),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def layer_weights(weights, network):
    """The kernel and the bias of each layer in turn, in the shapes of Keras."""
    return [
        part
        for block in weights
        for layer in np.asarray(block)[:, network]
        for part in (layer[:-1], layer[-1])
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_each_network_is_trained_as_keras_trains_it(optimizer, activation):
    # Different rates, variances and replica numbers side by side.
    networks = [
        (
            PerceptronExperiment(
                depth=4,
                width=12,
                activation=activation,
                optimizer=optimizer,
                learning_rate=rate,
                weight_variance=variance,
                bias_variance=0.05,
                batch_size=32,
            ),
            replica,
        )
        for rate, variance, replica in ((0.01, 1.5, 0), (0.003, 2.0, 5))
    ]
    steps, data = 10, digits()
    start = initial_weights(networks)
    batches = Batches(networks, len(data.y)).take(steps)
    loop = TrainLoop(networks[0][0])
    rates = np.array([experiment.learning_rate for experiment, _ in networks])
    state, _, costs = loop.run(loop.start(start), rates, batches)
    score = loop.evaluate(state)
    for network, (experiment, _) in enumerate(networks):
        model = keras_model(experiment, start, network)
        for number, batch in enumerate(batches[:, network]):
            logs = model.train_on_batch(data.x[batch], data.y[batch], return_dict=True)
            if number == 0:
                assert costs[network] == pytest.approx(logs["loss"], rel=1e-5)
        found = layer_weights(state[: len(start)], network)
        for ours, theirs, old in zip(
            found, model.get_weights(), layer_weights(start, network), strict=True
        ):
            # Sums of float32 in another order. Adam divides by the root of the mean
            # square, which in ten steps makes more of a tiny gradient's rounding.
            moved = np.abs(theirs - old).max()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3 * moved + 1e-7)
        loss, _ = model.evaluate(data.x, data.y, batch_size=1442, verbose=0)
        _, share = model.evaluate(data.x_test, data.y_test, verbose=0)
        assert score.cost[network] == pytest.approx(loss, rel=1e-4)
        # A picture on the border of two classes may fall on either side.
        assert score.accuracy[network] == pytest.approx(share, abs=1.1 / 355)


@pytest.mark.parametrize(
    ("activation", "variance", "depth"),
    [("tanh", 1.5, 6), ("tanh", 0.2, 12), ("relu", 0.4, 12), ("linear", 1.0, 3)],
)
def test_a_record_is_that_of_the_monitor(activation, variance, depth):
    experiment = PerceptronExperiment(
        depth=depth,
        width=10,
        activation=activation,
        weight_variance=variance,
        bias_variance=0.05,
        batch_size=32,
        learning_rate=0.02,
        num_steps=60,
    )
    network, data = (experiment, 2), digits()
    start = initial_weights([network])
    batches = Batches([network], len(data.y)).take(60)
    order = batches.ravel()
    monitor = GradientMonitor(every=3)
    model = keras_model(experiment, start, 0)
    model.fit(
        data.x[order], data.y[order], 32, callbacks=[monitor], shuffle=False, verbose=0
    )
    history = monitor.history
    loop = TrainLoop(experiment)
    state = loop.start(start)
    for step in range(0, 60, 3):
        state, table, _ = loop.run(state, np.array([0.02]), batches[step : step + 3])
        row = list(history["step"]).index(step)
        for name, values in zip(names(), table[:, :, 0], strict=True):
            # Rounding grows over the steps; a share may differ by an element of few.
            np.testing.assert_allclose(
                values, history[name][row], rtol=2e-3, atol=1e-9, err_msg=name
            )
    (result,) = train([experiment], [2])
    assert result["verdict"] == monitor.diagnosis.verdict


# Keras takes some shapes with ones for those of a bias.
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 1), (2, 4)])
def test_any_number_of_networks_is_traced_once(depth, width, optimizer):
    experiment = PerceptronExperiment(
        depth=depth, width=width, batch_size=8, optimizer=optimizer
    )
    loop = TrainLoop(experiment)
    for count in (1, 2, 3, 3, 7):
        networks = [(experiment, replica) for replica in range(count)]
        state = loop.start(initial_weights(networks))
        for steps in (1, 5):
            batches = np.zeros((steps, count, 8), np.int32)
            state, _, _ = loop.run(state, np.full(count, 0.1), batches)
        loop.evaluate(state)
    assert loop.traces == 2  # the steps and the evaluation
