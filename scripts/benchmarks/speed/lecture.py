"""The lecture's network, which the tables of steps and of whole trainings train."""

from __future__ import annotations

from deepxor.xor.config import Experiment

LEARNING_RATE = 0.1
LOG_EVERY = 1000

LECTURE = Experiment(network="lecture", activation="sigmoid")

# The units of all layers, from the inputs to the output.
UNITS = (2, *LECTURE.hidden, 1)
