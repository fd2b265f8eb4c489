"""A small network in the ways that a training step runs: graph, XLA, eager."""

import keras
import numpy as np
import pytest

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
GRAPH, XLA, EAGER = {"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}
HOW = pytest.mark.parametrize(
    "options", [GRAPH, XLA, EAGER], ids=["graph", "XLA", "eager"]
)


def network(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), L.Dense(8, "relu"), L.Dense(1)])
    model.compile("adam", "mse", **options)
    return model
