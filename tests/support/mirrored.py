"""Trains a model under MirroredStrategy on two logical CPUs, for test_distribution.py.

Prints its history, and that of the same model on one device, as JSON.
"""

import json

import keras
import numpy as np
import tensorflow as tf

import deepxor
from tests.support.zoo import BATCH, CASES, make


def train(strategy):
    case = CASES["sequential"]
    with strategy.scope():
        model = make(case, jit_compile=False)
    monitor = deepxor.GradientMonitor(every=2)
    model.fit(
        case.x, case.y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0,
        callbacks=[monitor],
    )  # fmt: skip
    names = ("step", "norm", "max_abs", "global_norm", "loss", "update_ratio")
    history = {name: monitor.history[name].tolist() for name in names}
    return history | {"weights": [w.tolist() for w in model.get_weights()]}


if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = [train(mirrored), train(tf.distribute.get_strategy())]
    assert np.isfinite(results[0]["norm"]).all() and keras.backend.backend()
    print(json.dumps(results))
