"""What the laboratory measures of layers beside the gradients of their weights."""

import dataclasses

import numpy as np
import pytest

import deepxor
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.network.build import build
from deepxor.xor.train import fit

EXPERIMENT = Experiment(hidden_units=(6, 5, 4), replicas=7, num_steps=33, log_every=40)


class Truth:
    """What `deepxor.explain` and NumPy say of a model at the start of a step."""

    def __init__(self, model):
        explanation = deepxor.explain(model, model.x, model.y)
        outputs = np.median(explanation.gradient_norm, axis=1)
        before = np.median(explanation.pre_activation_norm, axis=1)
        self.arriving = outputs[:-1] / outputs[1:]
        self.slope_factor = before / outputs
        self.weight_factor = outputs[:-1] / before[1:]
        self.weights = [variable.numpy() for variable in model.trainable_variables]
        self.outputs = model.snapshot().outputs

    def update_ratio(self, model):
        """Returns the ratio after the step."""
        after = [variable.numpy() for variable in model.trainable_variables]
        changes = [new - old for old, new in zip(self.weights, after, strict=True)]
        return np.median(layer_norms(changes) / layer_norms(self.weights), axis=1)


def layer_norms(weights):
    squares = [
        np.square(weight, dtype=np.float64).reshape(-1, weight.shape[-1]).sum(axis=0)
        for weight in weights
    ]
    pairs = zip(squares[::2], squares[1::2], strict=True)
    return np.sqrt([kernel + bias for kernel, bias in pairs])


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [
        ("sigmoid", "sgd"),
        ("relu", "sgd"),
        ("elu", "adam"),
        ("maxout", "sgd"),
        ("softplus", "adam"),
    ],
)
@pytest.mark.parametrize("step", [0, 2, 32])
def test_a_record_is_of_the_weights_before_its_step(activation, optimizer, step):
    experiment = dataclasses.replace(
        EXPERIMENT, activation=activation, optimizer=optimizer
    )
    model, monitor = build(experiment), ReplicaMonitor(every=experiment.log_every)
    if step:
        fit(model, dataclasses.replace(experiment, num_steps=step), [monitor])
    truth = Truth(model)
    fit(model, dataclasses.replace(experiment, num_steps=step + 1), [monitor])
    found = {
        name: values[-1]
        for name, values in monitor.history.items()
        if name.endswith(("_factor", "_ratio", "_fraction", "_rms"))
    }
    assert monitor.history["step"][-1] == step
    # float32 in another order of operations: a factor far below 1 is what is left of
    # numbers that cancel.
    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(found["slope_factor"], truth.slope_factor, **close)
    np.testing.assert_allclose(found["weight_factor"][1:], truth.weight_factor, **close)
    assert np.isnan(found["weight_factor"][0])
    np.testing.assert_allclose(
        found["update_ratio"], truth.update_ratio(model), **close
    )
    product = found["slope_factor"][1:] * found["weight_factor"][1:]
    np.testing.assert_allclose(product, truth.arriving, rtol=1e-5, atol=1e-6)
    rms = [np.sqrt(np.square(x).mean(axis=(0, 1))) for x in truth.outputs[:-1]]
    np.testing.assert_allclose(
        found["activation_rms"][:-1], np.median(rms, axis=1), **close
    )


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_dead_and_saturated_units_are_counted(activation):
    experiment = dataclasses.replace(EXPERIMENT, activation=activation, num_steps=1)
    model, monitor = build(experiment), ReplicaMonitor()
    kernel, bias = model.stack[1].kernel, model.stack[1].bias
    kernel.assign(kernel * 0)
    # Two of the five units are on the lower flat part, in every replica.
    bias.assign(np.where(np.arange(5) < 2, -10.0, 0.5)[:, None] + np.zeros((5, 7)))
    fit(model, experiment, [monitor])
    dead = {"relu": 0.4}.get(activation, 0.0)
    assert monitor.history["dead_fraction"][0, 1] == pytest.approx(dead)
    assert monitor.history["saturated_fraction"][0, 1] == pytest.approx(0.4)
    # The last layer has no activation of its own, and maxout none of single numbers.
    assert np.isnan(monitor.history["saturated_fraction"][0, -1])
    assert np.isnan(monitor.history["dead_fraction"][0, -1])


def test_layers_are_measured_at_powers_of_two():
    monitor = ReplicaMonitor(every=10)
    fit(build(EXPERIMENT), EXPERIMENT, [monitor])
    is_known = ~np.isnan(monitor.history["slope_factor"]).any(axis=1)
    assert monitor.history["step"][is_known].tolist() == [0, 1, 2, 4, 8, 16, 32]


def test_a_resumed_record_is_the_same_to_the_bit():
    whole, parts = ReplicaMonitor(every=40), ReplicaMonitor(every=40)
    fit(build(EXPERIMENT), EXPERIMENT, [whole])
    model = build(EXPERIMENT)
    for steps in (7, 32, 33):
        fit(model, dataclasses.replace(EXPERIMENT, num_steps=steps), [parts])
    kept = np.isin(parts.history["step"], whole.history["step"])
    for name in ("slope_factor", "weight_factor", "update_ratio", "activation_rms"):
        np.testing.assert_array_equal(
            whole.history[name], parts.history[name][kept], err_msg=name
        )
