"""The loops that people write in TensorFlow; loads TensorFlow when one is measured."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from deepxor.xor.data import xor
from scripts.benchmarks.speed.lecture import LEARNING_RATE, UNITS
from scripts.benchmarks.speed.timing.clock import Clock
from scripts.benchmarks.speed.timing.sample import Sample

SUMMARY_EVERY = 100


def measure_keras(steps: int, steps_per_execution: int) -> Sample:
    """Measures Keras `fit` of ordinary layers on a repeated `tf.data` set.

    Args:
        steps: The number of steps, of which the first batch is not timed.
        steps_per_execution: As `compile` takes it.

    Returns:
        The measurement.
    """
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    dense = partial(keras.layers.Dense, activation="sigmoid")
    model = keras.Sequential(
        [
            keras.Input(UNITS[:1]),
            *(
                dense(n, kernel_initializer=keras.initializers.RandomUniform(-1, 1))
                for n in UNITS[1:]
            ),
        ]
    )
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE),
        "binary_crossentropy",
        steps_per_execution=steps_per_execution,
    )
    clock = Clock()
    model.fit(
        tf.data.Dataset.from_tensors(xor()).repeat(),
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[clock.callback()],
    )
    return Sample(clock.batches / (steps - steps_per_execution) * 1e6)


def measure_function(steps: int) -> Sample:
    """Measures a loop of calls of a `tf.function`, one a step.

    Args:
        steps: The number of steps to time, after a first one that compiles.

    Returns:
        The measurement.
    """
    import tensorflow as tf

    x, y = map(tf.constant, xor())
    layers = [
        (
            tf.Variable(tf.random.uniform([inputs, units], -1.0, 1.0)),
            tf.Variable(tf.zeros([units])),
        )
        for inputs, units in itertools.pairwise(UNITS)
    ]
    weights = [weight for layer in layers for weight in layer]

    def train() -> tf.Tensor:
        with tf.GradientTape() as tape:
            h = x
            for kernel, bias in layers:
                logits = h @ kernel + bias
                h = tf.sigmoid(logits)
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(entropy)
        gradients = tape.gradient(loss, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(LEARNING_RATE * gradient)
        return loss

    step = tf.function(train)
    return _measure_loop(lambda number: step(), steps)


def measure_session(folder: Path, steps: int) -> Sample:
    """Measures TensorFlow 1's way: a session, and a summary every `SUMMARY_EVERY`.

    Args:
        folder: The folder for the summaries.
        steps: The number of steps to time, after a first one that compiles.

    Returns:
        The measurement.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), tempfile.TemporaryDirectory(dir=folder) as log_dir:
        train, summary = _session_graph()
        # One thread, as `load_tensorflow` sets it for everything else here.
        config = v1.ConfigProto(intra_op_parallelism_threads=1)
        with v1.Session(config=config) as session:
            writer = v1.summary.FileWriter(log_dir)
            session.run(v1.global_variables_initializer())

            def step(number: int) -> None:
                if number % SUMMARY_EVERY:
                    session.run(train)
                else:
                    _, content = session.run([train, summary])
                    writer.add_summary(content, number)

            sample = _measure_loop(step, steps)
            writer.close()
    return sample


def _session_graph() -> tuple[Any, Any]:
    """Returns the step and the summaries of the lecture's program."""
    import tensorflow as tf

    v1 = tf.compat.v1
    x, y = map(tf.constant, xor())
    h = x
    for number, (inputs, units) in enumerate(itertools.pairwise(UNITS), start=1):
        with tf.name_scope(f"layer{number}"):
            kernel = v1.Variable(tf.random.uniform([inputs, units], -1.0, 1.0))
            bias = v1.Variable(tf.zeros([units]))
            logits = h @ kernel + bias
            h = tf.sigmoid(logits)
            v1.summary.histogram("weights", kernel)
            v1.summary.histogram("biases", bias)
            v1.summary.histogram("outputs", h)
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, logits))
    v1.summary.scalar("cost", loss)
    train = v1.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)
    return train, v1.summary.merge_all()


def _measure_loop(step: Callable[[int], object], steps: int) -> Sample:
    """Measures a Python loop without its step 0, which compiles."""
    step(0)
    begin = time.perf_counter()
    for number in range(1, steps + 1):
        step(number)
    return Sample((time.perf_counter() - begin) / steps * 1e6)
