import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.xor.config import NETWORKS, Experiment


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        ("perceptron", "2-1"),
        ("two_layer", "2-2-1"),
        ("wide", "2-10-1"),
        ("three_layer", "2-5-4-1"),
        ("deep", "2-10-10-10-10-10-10-10-10-10-10-1"),
        ("lecture", "2-5-5-5-5-5-5-5-5-5-5-1"),
    ],
)
def test_the_ladder_has_the_shapes_of_the_lecture(network, shape):
    assert Experiment(network=network).shape == shape


def test_layers_are_named_in_forward_order():
    names = Experiment(network="three_layer").layer_names
    assert names == ("layer1", "layer2", "hypothesis")


@pytest.mark.parametrize(
    ("settings", "initializer"),
    [
        ({"activation": "relu"}, "he"),
        ({"activation": "very_leaky_relu"}, "he"),
        ({"activation": "selu"}, "lecun"),
        ({"activation": "sigmoid"}, "glorot"),
        ({"activation": "tanh"}, "glorot"),
        ({"network": "lecture", "activation": "relu"}, "uniform"),
        ({"network": "lecture", "initializer": "he"}, "he"),
        ({"hidden_units": (5,) * 10, "activation": "relu"}, "he"),
    ],
)
def test_auto_picks_the_initializer(settings, initializer):
    assert Experiment(**settings).kernel_initializer == initializer


@pytest.mark.parametrize(
    "settings",
    [
        {"network": "shallow"},
        {"activation": "swishy"},
        {"initializer": "zeros"},
        {"optimizer": "lbfgs"},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"num_steps": 0},
        {"log_every": 0},
        {"replicas": 0},
        {"replicas": 1.5},
        {"seed": -1},
        {"bits": 1},
        {"bits": 11},
        {"hidden_units": (3, 0)},
        {"alpha": -1.0, "activation": "elu"},
        {"pieces": 1, "activation": "maxout"},
    ],
)
def test_an_error_quotes_the_value_and_says_what_is_allowed(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: ") as caught:
        Experiment(**settings)
    assert str(caught.value).endswith(f"Received: {name}={value!r}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 2.0, "activation": "relu"},
        {"pieces": 3, "activation": "relu"},
        {"network": "wide", "hidden_units": (5,)},
    ],
)
def test_settings_that_do_nothing_together_are_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"`{name}` .*must .*{name}={value!r}, "):
        Experiment(**settings)


@given(
    network=st.sampled_from(sorted(NETWORKS)),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    initializer=st.sampled_from(["auto", *sorted(REPLICA_INITIALIZERS)]),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    learning_rate=st.floats(1e-6, 1e3),
    num_steps=st.integers(1, 10**9),
    replicas=st.integers(1, 10**6),
    seed=st.integers(0, 2**63 - 1),
    bits=st.integers(2, 10),
)
def test_json_gives_the_experiment_back(**settings):
    experiment = Experiment(**settings)
    copy = Experiment.from_json(json.loads(json.dumps(experiment.to_json())))
    assert copy == experiment


@given(st.lists(st.integers(1, 10_000), max_size=12))
def test_hidden_units_survive_json_and_name_a_folder(units):
    experiment = Experiment(hidden_units=tuple(units))
    copy = Experiment.from_json(json.loads(json.dumps(experiment.to_json())))
    assert copy == experiment
    assert "/" not in experiment.run_name and len(experiment.run_name) <= 200
    assert len(experiment.layer_names) == len(units) + 1


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="momentum"):
        Experiment.from_json({"momentum": 1})
