"""A step in the browser is that of the laboratory's float64 network."""

from __future__ import annotations

from collections.abc import Iterator
from operator import eq
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.nn.activations import ACTIVATIONS
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.measure import LayerMeasures
from deepxor.xor.network.build import build
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import pack
from tests.support.static_site import Modules, browser_modules

TRAINING = Path(deepxor.__file__).parent / "web/static/training"

# Bits, units of the hidden layers, and steps taken before the one that is compared;
# None for weights that are random, with the biases.
Start = tuple[int, tuple[int, ...], int | None]
STARTS: list[Start] = [
    (2, (5,) * 10, 0),
    (2, (3, 4, 4), 30),
    (2, (), None),
    (3, (6, 6, 2), None),
    (4, (1, 16, 16), 3),
]
REPLICAS = 4

# Each start, and whether its layers are residual: where two have as many units.
CASES = [
    *((start, False) for start in STARTS),
    *((start, True) for start in STARTS if any(map(eq, start[1], start[1][1:]))),
]

_STEP = """
const network = new Network({...given.settings, seed: 0, initializer: 'uniform'});
network.load(given.weights);
const costs = [], norms = [], accuracies = [];
for (let step = 0; step < given.steps; step++) {
  network.step();
  costs.push(network.costs.slice());
  norms.push(network.norms.slice());
  accuracies.push(network.accuracies.slice());
}
return {
  costs, norms, accuracies, factors: network.factors(), summary: network.summary(),
  states: statesOf(network),
  weights: network.layers.map(({kernel, bias}) => ({kernel, bias})),
};
"""


class Step(NamedTuple):
    """A step as the laboratory takes it.

    Attributes:
        cost: Before the step, [R].
        accuracy: Before the step, [R].
        norm: Of the gradients, [layers, R].
        weights: After it.
    """

    cost: np.ndarray
    accuracy: np.ndarray
    norm: np.ndarray
    weights: list[dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with browser_modules(TRAINING) as modules:
        yield modules


def experiment_of(start: Start, activation: str, **settings: Any) -> Experiment:
    bits, units, _ = start
    return Experiment(
        hidden_units=units,
        activation=activation,
        bits=bits,
        replicas=REPLICAS,
        # Keras rounds it to float32, and this one is the same there.
        learning_rate=0.25,
        **settings,
    )


def started(start: Start, experiment: Experiment) -> ReplicaNetwork:
    """Returns the laboratory's network with the weights of a start."""
    steps = start[-1]
    model = build(experiment, dtype="float64")
    if steps is None:
        rng = np.random.default_rng(len(experiment.activation))
        for variable in model.trainable_variables:
            variable.assign(rng.normal(size=variable.shape))
    for _ in range(steps or 0):
        model.optimizer_step()
    return model


def weights_of(model: ReplicaNetwork) -> list[dict[str, np.ndarray]]:
    return [
        {"kernel": layer.kernel.numpy().ravel(), "bias": layer.bias.numpy().ravel()}
        for layer in model.stack
    ]


def take_step(model: ReplicaNetwork) -> Step:
    gradients, cost, accuracy = model.optimizer_step()
    squares = [np.square(g.numpy()).reshape(-1, model.replicas) for g in gradients]
    pairs = zip(squares[::2], squares[1::2], strict=True)
    norm = np.sqrt([np.concatenate(pair).sum(axis=0) for pair in pairs])
    return Step(cost.numpy(), accuracy.numpy(), norm, weights_of(model))


def run(
    modules: Modules,
    experiment: Experiment,
    weights: list[dict[str, np.ndarray]],
    steps: int = 1,
    **settings: Any,
) -> dict[str, Any]:
    """Returns what the browser's network with these weights does."""
    given = {
        "units": list(experiment.hidden),
        "bits": experiment.bits,
        "activation": experiment.activation,
        "learningRate": experiment.learning_rate,
        "replicas": experiment.replicas,
        **settings,
    }
    return modules.run(
        {"network.js": "Network", "states.js": "statesOf"},
        _STEP,
        settings=given,
        weights=weights,
        steps=steps,
    )


def assert_equal_step(found: dict[str, Any], expected: Step) -> None:
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(found["costs"][0], expected.cost, **close)
    np.testing.assert_array_equal(found["accuracies"][0], expected.accuracy)
    norms = found["norms"][0].reshape(expected.norm.shape)
    np.testing.assert_allclose(norms, expected.norm, **close)
    # An exact zero is one in both.
    large = (expected.norm == 0) | (expected.norm > 1e-12)
    np.testing.assert_array_equal(norms[large] == 0, expected.norm[large] == 0)
    for layer, after in zip(found["weights"], expected.weights, strict=True):
        for name, value in after.items():
            np.testing.assert_allclose(layer[name], value, **close)


def assert_equal_factors(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in ("slope", "weight"):
        factor = expected[f"{name}_factor"]
        assert found["factors"][name].shape == factor.shape
        np.testing.assert_allclose(found["factors"][name], factor, rtol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("start", "residual"), CASES, ids=str)
def test_a_step_is_that_of_the_laboratory(
    modules: Modules, start: Start, activation: str, residual: bool
) -> None:
    experiment = experiment_of(start, activation, residual=residual)
    model = started(start, experiment)
    before = weights_of(model)
    state = pack([*(w.value for w in model.trainable_variables), *model.evaluate()])
    expected = take_step(model)
    assert np.isfinite(expected.norm).all()
    found = run(modules, experiment, before, residual=residual)
    assert_equal_step(found, expected)
    assert_equal_factors(found, LayerMeasures(model).quantities(state, state))


@pytest.mark.parametrize("activation", ["sigmoid", "softplus", "relu"])
def test_two_hundred_steps_are_those_of_the_laboratory(
    modules: Modules, activation: str
) -> None:
    steps = 200
    experiment = Experiment(network="lecture", activation=activation, replicas=10)
    model = build(experiment, dtype="float64")
    before = weights_of(model)
    step = tf.function(lambda: model.optimizer_step()[1], autograph=False)
    costs = np.array([step().numpy() for _ in range(steps)])
    found = run(modules, experiment, before, steps)
    np.testing.assert_allclose(found["costs"], costs, rtol=1e-4, atol=1e-4)
    assert not np.array_equal(costs[0], costs[-1])


def test_the_summary_is_that_of_the_replicas(modules: Modules) -> None:
    start: Start = (2, (3, 3), None)
    experiment = experiment_of(start, "relu")
    weights = weights_of(started(start, experiment))
    first, last = weights[0], weights[-1]
    # The first replica's first layer is dead, and the second one diverges.
    first["bias"].reshape(-1, REPLICAS)[:, 0] = -100
    last["bias"].reshape(-1, REPLICAS)[:, 1] = np.nan
    found = run(modules, experiment, weights)
    norms, summary = found["norms"][0].reshape(3, REPLICAS), found["summary"]
    assert summary["step"] == 0
    learning, solved, dead, diverged = range(4)
    states = [solved if a == 1 else learning for a in found["accuracies"][0]]
    assert states[0] == learning
    states[:2] = [dead, diverged]
    assert list(found["states"]) == states
    np.testing.assert_array_equal(summary["zero"], (norms == 0).mean(axis=1))
    np.testing.assert_array_equal(summary["nonFinite"], np.isnan(norms).mean(axis=1))
    assert summary["zero"][0] == summary["nonFinite"][0] == 0.25
    rest = [0, 2, 3]
    for name, percent in (("p10", 10), ("median", 50), ("p90", 90)):
        expected = np.percentile(norms[:, rest], percent, axis=1)
        np.testing.assert_allclose(summary["norm"][name], expected, rtol=1e-14)
        cost = np.percentile(found["costs"][0][rest], percent)
        np.testing.assert_allclose(summary["cost"][name], cost, rtol=1e-14)


def chain(*factors: float) -> list[dict[str, np.ndarray]]:
    """Returns the weights of layers of one unit whose kernels are these factors."""
    layers = [
        {"kernel": np.full(1 + (not i), factor), "bias": np.zeros(1)}
        for i, factor in enumerate(factors)
    ]
    layers[-1]["bias"][:] = 1
    return layers


@pytest.mark.parametrize("small", [1e-100, 1e-80, 1e-160, 1e-300])
def test_a_tiny_gradient_is_not_zero(modules: Modules, small: float) -> None:
    experiment = Experiment(hidden_units=(1, 1), activation="linear", replicas=1)
    found = run(modules, experiment, chain(1e-30, 1.0, small))
    # At the logits: the probability of the bias 1, less the targets, over 4 samples.
    # The targets' parts cancel, also in the gradients of the weights of both inputs.
    rest = 1 / (1 + np.exp(-1)) - 0.5
    expected = small * rest * np.sqrt(1 + 2 / 4)
    np.testing.assert_allclose(found["norms"][0][0], expected, rtol=1e-12)
    np.testing.assert_allclose(found["norms"][0][1], small * rest, rtol=1e-12)


def test_an_exact_zero_stays_one(modules: Modules) -> None:
    experiment = Experiment(hidden_units=(1, 1), activation="linear", replicas=1)
    norms = run(modules, experiment, chain(1.0, 1.0, 0.0))["norms"][0]
    assert norms[0] == norms[1] == 0 < norms[2]


def test_a_huge_gradient_is_finite(modules: Modules) -> None:
    experiment = Experiment(hidden_units=(1, 1), activation="linear", replicas=1)
    norms = run(modules, experiment, chain(1e-300, 1e-10, 1e200))["norms"][0]
    rest = 1 / (1 + np.exp(-1)) - 0.5
    np.testing.assert_allclose(norms[1], 1e200 * rest, rtol=1e-12)


@pytest.mark.parametrize("bits", [2, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_residual_gradient_is_the_slope_of_the_cost(
    modules: Modules, activation: str, bits: int
) -> None:
    units, pieces = (3, 3, 2, 2), 2 if activation == "maxout" else 1
    shapes = [
        (inputs, columns * (pieces if place < len(units) else 1))
        for place, (inputs, columns) in enumerate(
            zip((bits, *units), (*units, 1), strict=True)
        )
    ]
    rng = np.random.default_rng(1)
    sizes = [size for inputs, columns in shapes for size in (inputs * columns, columns)]
    flat = rng.normal(size=sum(sizes))
    # Each weight is changed a little in two replicas, up and down.
    little = 1e-5 * np.eye(len(flat))
    rows = flat[:, None] + np.hstack([np.zeros((len(flat), 1)), little, -little])
    parts = [part.ravel() for part in np.split(rows, np.cumsum(sizes)[:-1])]
    weights = [
        {"kernel": kernel, "bias": bias}
        for kernel, bias in zip(parts[::2], parts[1::2], strict=True)
    ]
    experiment = Experiment(
        hidden_units=units,
        activation=activation,
        replicas=rows.shape[1],
        bits=bits,
        learning_rate=1.0,
    )
    found = run(modules, experiment, weights, residual=True)
    up, down = found["costs"][0][1:].reshape(2, -1)
    after = [layer[name] for layer in found["weights"] for name in ("kernel", "bias")]
    first = np.concatenate([a.reshape(-1, rows.shape[1])[:, 0] for a in after])
    np.testing.assert_allclose(flat - first, (up - down) / 2e-5, rtol=1e-5, atol=1e-9)
    # Without the shortcuts the cost is another one.
    plain = run(modules, experiment, weights)
    assert abs(plain["costs"][0][0] - found["costs"][0][0]) > 1e-4


def test_outputs_at_any_points_are_those_of_the_laboratory(modules: Modules) -> None:
    rng = np.random.default_rng(0)
    for activation in ("gelu", "maxout"):
        start: Start = (3, (4, 4), None)
        experiment = experiment_of(start, activation)
        model = started(start, experiment)
        points = rng.uniform(size=(7, 3))
        found = modules.run(
            {"network.js": "Network"},
            """
            const network = new Network(given.settings);
            network.load(given.weights);
            return network.evaluate(2, given.points);
            """,
            settings={
                "units": [4, 4],
                "bits": 3,
                "activation": activation,
                "initializer": "he",
                "learningRate": 0.1,
                "replicas": REPLICAS,
                "seed": 0,
            },
            weights=weights_of(model),
            points=points.ravel(),
        )
        *hidden, logits = model.forward(points)
        expected = [*hidden, model.probability(logits)]
        for outputs, each in zip(found, expected, strict=True):
            np.testing.assert_allclose(outputs, each[..., 2].numpy().ravel(), 1e-12)


@pytest.mark.parametrize(
    ("logit", "accuracy"), [(0.0, 0.5), (1e-7, 0.5), (-1e-7, 0.5), (np.nan, 0.0)]
)
def test_almost_a_half_is_no_one_and_no_number_is_never_right(
    modules: Modules, logit: float, accuracy: float
) -> None:
    experiment = Experiment(hidden_units=(), replicas=1, bits=3)
    weights = [{"kernel": np.zeros(3), "bias": np.full(1, logit)}]
    assert run(modules, experiment, weights)["accuracies"][0] == accuracy


def test_a_one_is_told_from_a_half(modules: Modules) -> None:
    experiment = Experiment(hidden_units=(), replicas=1)
    # The answer to (1, 0) is a 1, which is right. Those to (0, 0) and (1, 1) are barely
    # above a half, which is no 1 and right; that to (0, 1) is below it, and wrong.
    weights = [{"kernel": np.array([1.0, -1.0]), "bias": np.full(1, 1e-7)}]
    assert run(modules, experiment, weights)["accuracies"][0] == 0.75
