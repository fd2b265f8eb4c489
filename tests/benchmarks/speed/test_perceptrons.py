"""The forms of fully connected networks that the speed benchmark compares."""

import numpy as np
import pytest

from deepxor.vision.perceptrons.config import PerceptronExperiment
from scripts.benchmarks.speed.perceptrons.forms import alone, batched, networks_last

EXPERIMENT = PerceptronExperiment(
    depth=3, width=6, batch_size=32, learning_rate=0.1, bias_variance=0.05
)
STEPS, COUNT = 14, 3


def layers(blocks, network):
    return [layer for block in blocks for layer in block[:, network]]


@pytest.mark.parametrize("network", [0, 2])
def test_all_forms_train_the_same_networks(network):
    plain = batched(EXPERIMENT, COUNT, is_compiled=False).train(STEPS)
    expected = layers(plain, network)
    compiled = batched(EXPERIMENT, COUNT, is_compiled=True).train(STEPS)
    last = networks_last(EXPERIMENT, COUNT).train(STEPS)
    found = {
        "compiled": layers(compiled, network),
        "last": [layer[..., network] for layer in last],
    }
    if network == 0:
        parts = alone(EXPERIMENT).train(STEPS)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        found["alone"] = [np.vstack([kernel, bias]) for kernel, bias in pairs]
    for name, weights in found.items():
        for ours, theirs in zip(weights, expected, strict=True):
            # Sums of float32 in another order, over a few steps.
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_form_is_timed():
    assert alone(EXPERIMENT).microseconds() > 0
