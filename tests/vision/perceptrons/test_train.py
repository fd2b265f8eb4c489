import json
import math
from dataclasses import replace

import numpy as np
import pytest

from deepxor.verdicts import DEAD, EXPLODING, HEALTHY, VANISHING, by_name
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.loop import train_loop
from deepxor.vision.perceptrons.train import train
from deepxor.vision.perceptrons.verdict import record_every

SMALL = PerceptronExperiment(
    depth=3, width=8, bias_variance=0.05, batch_size=32, num_steps=25
)
CRITICAL = replace(SMALL, weight_variance=1.76)


def test_the_same_call_returns_the_same():
    experiments = [CRITICAL, replace(CRITICAL, learning_rate=0.1), SMALL]
    first = train(experiments, [0, 1, 2])
    assert train(experiments, [0, 1, 2]) == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert all(row["verdict"] in by_name() for row in first)


def test_a_network_does_not_depend_on_its_neighbours():
    explosive = replace(CRITICAL, weight_variance=1e6, learning_rate=1e30)
    alone = train([CRITICAL], [7])[0]
    experiments = [replace(SMALL, seed=3), CRITICAL, *[explosive] * 9]
    among = train(experiments, [7, 7, *range(9)])
    assert among[1]["verdict"] == alone["verdict"]
    assert among[1]["accuracy"] == pytest.approx(alone["accuracy"], abs=1.1 / 355)
    # A product of several matrices may add in another order than one of a single one.
    for name in ("cost", "first_gradient", "last_gradient"):
        assert among[1][name] == pytest.approx(alone[name], rel=1e-4)
    assert math.isnan(among[2]["cost"])


def test_what_is_traced_is_kept():
    train([SMALL], [0])
    loop = train_loop(SMALL)
    traces = loop.traces
    train([CRITICAL, replace(SMALL, learning_rate=0.5, seed=4)], [1, 2])
    assert train_loop(CRITICAL) is loop
    assert loop.traces == traces


def test_a_network_that_explodes_is_said_to():
    experiment = replace(SMALL, activation="relu", learning_rate=1e10)
    (row,) = train([experiment], [0])
    assert math.isnan(row["cost"])
    assert row["accuracy"] == 0
    assert row["verdict"] == EXPLODING
    assert math.isfinite(row["first_gradient"])


def test_one_that_diverges_after_the_last_record_is_said_to():
    # The only record is of the step itself, from weights that are still finite.
    experiment = replace(SMALL, activation="relu", learning_rate=1e30, num_steps=1)
    (row,) = train([experiment], [0])
    assert record_every(1) == 1
    assert math.isnan(row["cost"])
    assert row["verdict"] == EXPLODING


def test_a_network_of_zeros_gets_a_gradient_at_its_last_bias_only():
    zeros = replace(SMALL, weight_variance=0.0, bias_variance=0.0, learning_rate=1e-6)
    (row,) = train([zeros], [0])
    assert row["first_gradient"] == 0
    assert row["last_gradient"] > 0
    # All logits are equal but for what the bias has learned in so tiny steps.
    assert row["cost"] == pytest.approx(math.log(10), rel=1e-4)
    # Every tanh of 0 is 0, for all pictures.
    assert row["verdict"] == DEAD


def test_a_shallow_network_learns_and_a_deep_one_of_small_weights_does_not():
    shallow = PerceptronExperiment(weight_variance=1.76, learning_rate=0.03)
    (row,) = train([shallow], [0])
    assert row["accuracy"] > 0.8 and row["cost"] < 0.6
    assert row["verdict"] == HEALTHY
    ordered = replace(shallow, depth=40, weight_variance=0.5)
    (row,) = train([ordered], [0])
    assert row["accuracy"] < 0.5
    assert row["first_gradient"] < 1e-3 * row["last_gradient"]
    assert row["verdict"] == VANISHING


def test_replicas_are_different_networks():
    costs = [row["cost"] for row in train([SMALL] * 4, range(4))]
    assert len(set(costs)) == 4
    assert np.std(costs) < 0.5


@pytest.mark.parametrize(
    ("experiments", "replicas"),
    [([], []), ([SMALL], [0, 1]), ([SMALL, replace(SMALL, depth=4)], [0, 0])],
)
def test_a_call_without_networks_or_of_different_shapes_is_refused(
    experiments, replicas
):
    with pytest.raises(ValueError, match="Received: ") as error:
        train(experiments, replicas)
    assert "\n" not in str(error.value)
