"""Networks of several experiments side by side end as each experiment does alone."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.record_steps import is_record
from deepxor.xor import side_by_side
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.monitor.diagnosis import WINDOW, replica_verdicts
from deepxor.xor.network.build import build
from deepxor.xor.network.initial import Network
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.side_by_side import plan_records, train_networks
from deepxor.xor.train import fit

COMMON = {
    "hidden_units": (5, 5, 5), "activation": "relu", "num_steps": 301, "log_every": 20,
    "replicas": 6,
}  # fmt: skip
EXPERIMENTS = {
    "as it is": Experiment(**COMMON, learning_rate=0.5),
    "large weights": Experiment(**COMMON, weight_variance=30.0, learning_rate=3.0),
    "small weights": Experiment(**COMMON, weight_variance=0.01, bias_variance=1e-4),
    "another seed": Experiment(**COMMON, initializer="glorot", seed=7),
}
# Other loops are compiled to sums in another order: a rounding a step, which grows as
# the networks are trained. So numbers at the end are compared less closely.
CLOSE = {"rtol": 1e-5, "atol": 1e-12}
AT_THE_END = {"rtol": 2e-3, "atol": 1e-7}


def networks_of(experiment):
    return [Network(experiment, replica) for replica in range(experiment.replicas)]


def column(results, name):
    return np.array([result[name] for result in results])


def assert_same(results, others):
    for name in ("solved", "accuracy", "verdict"):
        assert column(results, name).tolist() == column(others, name).tolist()
    for name, close in (
        ("first_gradient", CLOSE), ("last_gradient", CLOSE), ("cost", AT_THE_END)
    ):  # fmt: skip
        np.testing.assert_allclose(
            column(results, name), column(others, name), **close, err_msg=name
        )


@pytest.fixture(scope="module")
def mixed():
    """The results of all experiments in one chunk, their networks in turns."""
    turns = zip(*map(networks_of, EXPERIMENTS.values()), strict=True)
    networks = list(itertools.chain.from_iterable(turns))
    results = train_networks(networks)
    return {name: results[i :: len(EXPERIMENTS)] for i, name in enumerate(EXPERIMENTS)}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_they_end_as_the_laboratory_has_them(mixed, name):
    experiment, results = EXPERIMENTS[name], mixed[name]
    model = build(experiment)
    initial = model.snapshot().cost
    monitor = ReplicaMonitor(every=experiment.log_every)
    fit(model, experiment, [monitor])
    end, history = model.snapshot(), monitor.history
    is_solved = end.accuracy == 1
    with_losses = {**history, "loss": np.array([initial, end.cost])}
    wanted = replica_verdicts(with_losses, is_solved)
    assert column(results, "solved").tolist() == is_solved.tolist()
    assert column(results, "accuracy").tolist() == end.accuracy.tolist()
    assert column(results, "verdict").tolist() == wanted
    costs = np.where(np.isfinite(end.cost), end.cost, np.nan)
    np.testing.assert_allclose(column(results, "cost"), costs, **AT_THE_END)
    first, last = column(results, "first_gradient"), column(results, "last_gradient")
    np.testing.assert_allclose(first, history["first"][0], **CLOSE)
    np.testing.assert_allclose(last, history["first"][-1], **CLOSE)
    medians = history["norm"][0]
    assert np.median(first) == pytest.approx(medians[0], rel=1e-5)
    assert np.median(last) == pytest.approx(medians[-1], rel=1e-5)


def test_the_experiments_differ_so_that_the_tests_can_fail(mixed):
    verdicts = {result["verdict"] for results in mixed.values() for result in results}
    assert len(verdicts) >= 3
    assert len({repr(column(results, "cost")) for results in mixed.values()}) == 4


@pytest.mark.parametrize("copies", [0, 3])
def test_neither_neighbours_nor_padding_matter(mixed, copies):
    networks = networks_of(EXPERIMENTS["large weights"])
    results = train_networks([*networks, *[networks[-1]] * copies])
    assert_same(results[: len(networks)], mixed["large weights"])


def test_chunks_of_one_kind_are_traced_once_and_leave_nothing_behind(monkeypatch):
    traces = []
    step = ReplicaNetwork.optimizer_step

    def counted(self, *arguments):
        traces.append(self)
        return step(self, *arguments)

    monkeypatch.setattr(ReplicaNetwork, "optimizer_step", counted)
    settings = {**COMMON, "num_steps": 11, "optimizer": "adam"}
    chunks = [
        networks_of(Experiment(**settings, seed=seed, learning_rate=rate))
        for seed, rate in ((0, 0.1), (1, 0.01), (2, 1.0))
    ]
    first = train_networks(chunks[0])
    count = len(traces)
    assert count > 0
    for chunk in chunks[1:]:
        assert train_networks(chunk) != first
    # Adam's moments and its step start anew.
    assert repr(train_networks(chunks[0])) == repr(first)
    assert len(traces) == count
    train_networks(chunks[0][:-1])
    assert len(traces) > count


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_learning_rates_side_by_side_are_two_trainings(optimizer):
    """The separate ones have a number as the learning rate, as Keras has it.

    Side by side the update for a rate of 1 is multiplied, which rounds otherwise.
    """
    settings = {
        "hidden_units": (3,), "activation": "tanh", "num_steps": 25, "replicas": 2,
        "optimizer": optimizer,
    }  # fmt: skip
    experiments = [Experiment(**settings, learning_rate=rate) for rate in (0.003, 0.3)]
    results = train_networks([n for e in experiments for n in networks_of(e)])
    costs = column(results, "cost").reshape(2, 2)
    for experiment, found in zip(experiments, costs, strict=True):
        model = build(experiment)
        fit(model, experiment)
        np.testing.assert_allclose(found, model.snapshot().cost, rtol=1e-4)
    assert not np.allclose(*costs, rtol=1e-3)


def test_norms_are_numpys_even_where_squares_have_no_place_in_float32():
    rng = np.random.default_rng(0)
    scales = np.array(
        [1, 1e-12, 1e-25, 1e-36, 1e12, 1e25, 3e37, 0, 1, 1, 1], np.float64
    )
    kernel = rng.uniform(0.1, 1, (4, 3, len(scales))) * scales
    bias = rng.uniform(0.1, 1, (3, len(scales))) * scales
    kernel[1, 2, -3], bias[0, -2], kernel[0, 0, -1] = np.nan, np.inf, -np.inf
    kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
    wide = np.concatenate([kernel.reshape(-1, len(scales)), bias]).astype(np.float64)
    wanted = np.linalg.norm(wide, axis=0)
    for norm in (side_by_side._norm, tf.function(side_by_side._norm, jit_compile=True)):
        found = norm(tf.constant(kernel), tf.constant(bias)).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_norm_above_float32_is_infinite_and_one_below_it_no_nan():
    kernel = np.stack([np.full((4, 3), 3e38), np.full((4, 3), 1e-40)], -1)
    bias = np.zeros((3, 2))
    arrays = [tf.constant(array.astype(np.float32)) for array in (kernel, bias)]
    for norm in (side_by_side._norm, tf.function(side_by_side._norm, jit_compile=True)):
        large, small = norm(*arrays).numpy()
        assert large == np.inf
        assert 0 <= small <= 1e-39


@pytest.mark.parametrize(
    ("num_steps", "log_every"),
    [(1, 1), (1, 100), (2, 1), (5, 100), (10, 1), (11, 1), (101, 10), (102, 10),
     (10_001, 100), (10_000, 100), (3, 2)],
)  # fmt: skip
def test_the_records_are_the_laboratorys_latest(num_steps, log_every):
    batches = plan_records(num_steps, log_every)
    assert sum(batches) == num_steps and batches[0] == 0 and min(batches) >= 0
    before = np.cumsum(batches).tolist()[1:-1]  # steps taken before each record
    regular = [
        step for step in range(num_steps)
        if (step % log_every == 0 and is_record(step, log_every))
        or step == num_steps - 1
    ]  # fmt: skip
    assert before == regular[-WINDOW:]


def test_what_is_not_finite_is_not_known():
    experiment = dataclasses.replace(
        EXPERIMENTS["as it is"], weight_variance=1e12, learning_rate=1e30,
        num_steps=21,
    )  # fmt: skip
    for result in train_networks(networks_of(experiment)):
        assert result["verdict"] == "exploding" and np.isnan(result["cost"])
        assert result["solved"] == 0
