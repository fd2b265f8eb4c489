"""Other tools' rules, on histories made by hand."""

import numpy as np
import pytest

from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.histories import as_tools_see
from scripts.benchmarks.diagnosis.peers import (
    PEERS,
    autotrainer,
    deepdiagnosis,
    loss_curve,
    sagemaker,
    sagemaker_gradients,
    thedeepchecker,
)
from scripts.benchmarks.diagnosis.setup import Setup

RECORDS, LAYERS = 10, 3


def history(**changes):
    """Returns a history of a model that learns, but for what is given.

    Each is a number, [layers] or [records, layers]; loss is [records].
    """
    quantities = {
        "norm": 0.1,
        "mean_abs": 0.01,
        "max_abs": 0.05,
        "zero_fraction": 0.0,
        "non_finite": 0.0,
        "weight_norm": 1.0,
        "update_ratio": 0.01,
        "dead_fraction": 0.1,
        "saturated_fraction": 0.1,
    }
    loss = changes.pop("loss", np.linspace(1, 0.1, RECORDS))
    shape = (RECORDS, LAYERS)
    return {
        "step": np.arange(RECORDS),
        "layer": ["a", "b", "c"],
        **{
            name: np.broadcast_to(np.float32(changes.get(name, value)), shape)
            for name, value in quantities.items()
        },
        "global_norm": np.ones(RECORDS, np.float32),
        "loss": np.array(loss, np.float64),
        "first_bad": None,
    }


FLAT = np.linspace(0.7, 0.69, RECORDS)
HALVING = np.repeat(0.5 ** np.arange(RECORDS)[:, None], LAYERS, axis=1)


@pytest.mark.parametrize("name", PEERS)
def test_a_model_that_learns_is_healthy(name):
    assert PEERS[name](history()) == "healthy"


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_exploding(name, bad):
    assert PEERS[name](history(loss=[1.0] * 9 + [bad])) == "exploding"


@pytest.mark.parametrize(
    ("rules", "changes", "verdict"),
    [
        (sagemaker, {"mean_abs": [1e-8, 1, 1]}, "vanishing"),
        (sagemaker, {"dead_fraction": [0.1, 0.6, 0.1]}, "dead"),
        (sagemaker, {"saturated_fraction": [0.1, 0.6, 0.1]}, "saturated"),
        (sagemaker, {"saturated_fraction": np.nan}, "healthy"),
        (sagemaker, {"update_ratio": 11}, "exploding"),
        (sagemaker, {"update_ratio": 1e-9}, "vanishing"),
        (sagemaker_gradients, {"mean_abs": [1e-8, 1, 1]}, "vanishing"),
        (sagemaker_gradients, {"dead_fraction": 1}, "healthy"),
        (sagemaker_gradients, {"non_finite": [0, 0, 1]}, "exploding"),
        # Its rules on gradients ask for a model that does not learn.
        (autotrainer, {"zero_fraction": 0.8}, "healthy"),
        (autotrainer, {"zero_fraction": 0.8, "loss": FLAT}, "dead"),
        (autotrainer, {"norm": [8, 1, 0.1], "loss": FLAT}, "exploding"),
        (autotrainer, {"norm": [1e-5, 1, 0.1], "loss": FLAT}, "vanishing"),
        (autotrainer, {"norm": [1e-3, 1, 10], "loss": FLAT}, "slow"),
        (deepdiagnosis, {"dead_fraction": [0, 0.7, 0]}, "dead"),
        (deepdiagnosis, {"saturated_fraction": [0, 0.7, 0]}, "saturated"),
        (deepdiagnosis, {"mean_abs": 1e-8}, "vanishing"),
        (deepdiagnosis, {"loss": np.full(RECORDS, 0.7)}, "slow"),
        (thedeepchecker, {"mean_abs": 2e6}, "exploding"),
        (thedeepchecker, {"mean_abs": 5e-7}, "vanishing"),
        (thedeepchecker, {"mean_abs": HALVING}, "vanishing"),
        (thedeepchecker, {"mean_abs": 1 / HALVING}, "exploding"),
        (thedeepchecker, {"update_ratio": 0.2}, "exploding"),
        (thedeepchecker, {"update_ratio": 1e-5}, "vanishing"),
        (thedeepchecker, {"dead_fraction": [0, 0.6, 0]}, "dead"),
        (thedeepchecker, {"saturated_fraction": [0, 0.6, 0]}, "saturated"),
        (loss_curve, {"loss": FLAT}, "vanishing"),
        (loss_curve, {"loss": np.geomspace(1, 1e4, RECORDS)}, "exploding"),
        # A loss may be negative.
        (loss_curve, {"loss": np.linspace(-0.1, -1, RECORDS)}, "healthy"),
    ],
)
def test_rules_fire_at_their_thresholds(rules, changes, verdict):
    assert rules(history(**changes)) == verdict


def test_a_rule_needs_its_four_in_a_row():
    gradient = np.ones((RECORDS, LAYERS))
    gradient[3:6] = HALVING[1:4]
    assert thedeepchecker(history(mean_abs=gradient)) == "healthy"


def test_tools_look_for_saturation_where_activations_squash():
    made = history(saturated_fraction=0.9, dead_fraction=0.8)
    relu = as_tools_see(made, Case("", "healthy", Setup(output="sigmoid")))
    tanh = as_tools_see(made, Case("", "healthy", Setup(activation="tanh")))
    seen = np.isfinite(relu["saturated_fraction"][0])
    np.testing.assert_array_equal(seen, [False, False, True])
    np.testing.assert_array_equal(np.isfinite(relu["dead_fraction"][0]), ~seen)
    seen = np.isfinite(tanh["saturated_fraction"][0])
    np.testing.assert_array_equal(seen, [True, True, False])
    assert np.isfinite(made["saturated_fraction"]).all()  # is left as it was
