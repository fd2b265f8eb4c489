"""What the tab is told of a training that goes on."""

import json

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import deepxor
from deepxor.events import gradient_flow
from deepxor.events.reader import read_run
from deepxor.monitor import callback


def diagnoses(path):
    """Returns the steps and the objects of all diagnoses of a run."""
    events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
    return [
        (event.step, json.loads(event.tensor_proto.string_val[0]))
        for event in events.Tensors(gradient_flow.DIAGNOSIS_TAG)
    ]


def vanishing_model():
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(8, "sigmoid") for _ in range(10)]
    model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def fit(model, callbacks):
    x = np.random.default_rng(0).normal(size=(320, 4))
    model.fit(x, np.sign(x[:, :1] * x[:, 1:2]), 32, 12, verbose=0, callbacks=callbacks)


def test_a_training_is_diagnosed_while_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(callback, "SECONDS_TO_SHOW", -1.0)
    watched, bare = vanishing_model(), vanishing_model()
    monitor = deepxor.GradientMonitor(tmp_path, every=1)
    fit(watched, [monitor])
    fit(bare, [])
    for a, b in zip(watched.weights, bare.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    *live, (last_step, last) = diagnoses(tmp_path)
    assert live and all(found["is_running"] for _, found in live)
    assert not last.get("is_running") and last_step == 119
    assert last["verdict"] == monitor.diagnosis.verdict == "vanishing"
    # The first live one that names the fault is about where it is said to have begun.
    named = [step for step, found in live if found["verdict"] == "vanishing"]
    assert 0 <= last["fault_step"] <= named[-1]
    assert {found["fault_step"] for step, found in live if step not in named} <= {None}
    # A report is of the end.
    assert read_run(tmp_path).diagnosis["verdict"] == "vanishing"


def test_the_laboratory_diagnoses_at_powers_of_two(tmp_path):
    experiment = deepxor.Experiment(num_steps=65, log_every=10, replicas=5)
    run = deepxor.train_experiment(experiment, tmp_path)
    *live, (step, last) = diagnoses(run.path)
    # The first, the second and the fourth of the records at multiples of ten.
    assert [step for step, _ in live] == [0, 10, 30]
    assert all(found["is_running"] for _, found in live)
    assert step == 64 and last["verdict"] == "vanishing"
    assert last["fault_step"] == run.results["fault_step"] == 0
