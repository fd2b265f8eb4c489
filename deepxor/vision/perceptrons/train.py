"""Trains many networks side by side, and says what has become of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepxor.quantities import names
from deepxor.statistics import finite_or_nan
from deepxor.vision.perceptrons.batches import Batches
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.digits import digits
from deepxor.vision.perceptrons.loop import train_loop
from deepxor.vision.perceptrons.record import SAMPLE
from deepxor.vision.perceptrons.verdict import Record, record_every, verdicts
from deepxor.vision.perceptrons.weights import initial_weights


def train(
    experiments: Sequence[PerceptronExperiment], replicas: Sequence[int]
) -> list[dict[str, Any]]:
    """Trains one network for each pair of an experiment and a replica number.

    If the caller gives TensorFlow a single thread, the same call returns the same to
    the bit. Beside other neighbours a network is the same but for rounding. What is
    traced for a shape is kept for the next call with that shape.

    Args:
        experiments: The settings of each network, all with the same `shape_key`.
        replicas: The replica number of each network, at least 0.

    Returns:
        For each network, by name, where NaN stands for a number that is not finite:

        - accuracy: the share of the test pictures that it takes for what they are; a
          network that has diverged is never right;
        - cost: the mean cross-entropy over all training pictures after the last step;
        - first_gradient, last_gradient: the L2 norms of the gradient of the first and
          of the last layer, kernel and bias together, before the first step;
        - verdict: what `deepxor.diagnosis` says of the training.

    Raises:
        ValueError: If there is no network, there are not as many replica numbers as
            experiments, or the experiments differ in their shape.
        ImportError: If scikit-learn is not installed.
    """
    _check(experiments, replicas)
    networks = list(zip(experiments, replicas, strict=True))
    example, data = experiments[0], digits()
    loop, batches = train_loop(example), Batches(networks, len(data.y))
    rates = np.array([experiment.learning_rate for experiment in experiments])
    state = loop.start(initial_weights(networks))
    records: list[Record] = []
    every = record_every(example.num_steps)
    for step in range(0, example.num_steps, every):
        taken = batches.take(min(every, example.num_steps - step))
        state, table, cost = loop.run(state, rates, taken)
        constant = data.class_losses[data.y[taken[0]]].mean(axis=1)
        records.append(Record(step, table, cost, constant))
    score = loop.evaluate(state)
    samples = (min(SAMPLE, example.batch_size), example.batch_size)
    found = verdicts(example.layer_names, records, samples, score.cost)
    norms = records[0].table[names().index("norm")]
    return [
        {
            "accuracy": float(score.accuracy[i]),
            "cost": finite_or_nan(score.cost[i]),
            "first_gradient": finite_or_nan(norms[0, i]),
            "last_gradient": finite_or_nan(norms[-1, i]),
            "verdict": verdict,
        }
        for i, verdict in enumerate(found)
    ]


def _check(
    experiments: Sequence[PerceptronExperiment], replicas: Sequence[int]
) -> None:
    if not experiments or len(experiments) != len(replicas):
        raise ValueError(
            "`experiments` and `replicas` must have as many elements, at least 1. "
            f"Received: {len(experiments)} experiments, {len(replicas)} replicas"
        )
    shapes = {experiment.shape_key for experiment in experiments}
    if len(shapes) > 1:
        first, second = sorted(shapes, key=str)[:2]
        raise ValueError(
            f"`experiments` must have the same shape_key. Received: {first}, {second}"
        )
