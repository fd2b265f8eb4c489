"""A quantity is a row of the table and the function that computes it, all else follows;
a verdict is a row and a rule."""

import subprocess
import sys

CODE = r"""
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import deepxor.quantities as q
import deepxor.verdicts as v

q.QUANTITIES = (
    *q.QUANTITIES,
    q.Quantity("made_up", q.GRADIENT, q.LOG10, "made_up_log10", "Made up", q.U16, "."),
    q.Quantity("drift", q.WEIGHTS, q.PLAIN, "drift", None, None, "."),
)
v.VERDICTS = (*v.VERDICTS, v.Verdict("busy", "#123456", "Do less."))

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import deepxor
from deepxor.events.reader import read_run
from deepxor.diagnosis import rules as diagnosis
from deepxor.monitor.measure import gradients, weights

gradients.COLUMNS["made_up"] = lambda sums, sizes: tf.sqrt(sums.squares / sizes)
weights.COLUMNS["drift"] = lambda weight, update: update
diagnosis.RULES = (
    diagnosis.Rule(
        "busy", "busy", lambda evidence: diagnosis.Finding(None, "So it is."),
        v.advice("busy"), needs=("made_up",),
    ),
    *diagnosis.RULES,
)
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])
model.compile("sgd", "mse")
monitor = deepxor.GradientMonitor(sys.argv[1], every=1)
model.fit(x, x[:, :3], 16, verbose=0, callbacks=[monitor])
history = monitor.history
np.testing.assert_allclose(history["made_up"], history["norm"] / np.sqrt(15), rtol=1e-5)
drift = history["update_ratio"] * history["weight_norm"]
np.testing.assert_allclose(history["drift"], drift, rtol=1e-5)
events = read_run(sys.argv[1])
for tag, values in (("made_up_log10/a", np.log10(history["made_up"])),
                    ("drift/a", history["drift"])):
    found = list(events.scalars[tag].values())
    np.testing.assert_allclose(found, values[:, 0], atol=1e-5)
log10 = events.flow.quantities["made_up_log10"]
np.testing.assert_allclose(log10, np.log10(history["made_up"]), atol=1e-5)
assert events.diagnosis["verdict"] == monitor.diagnosis.verdict == "busy"
written = json.loads((Path(sys.argv[1]) / "diagnosis.json").read_text())
assert written["verdict"] == "busy"
"""


def test_a_row_is_recorded_written_and_judged(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
