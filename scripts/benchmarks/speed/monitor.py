"""What GradientMonitor costs a step of `fit`, for scripts/bench.

Models of four kinds, compiled by XLA or not, each trained bare, with the monitor, and
with what people use without it: a callback that takes the gradient of a batch once
more. Those of one model advance in turns, a few steps at a time, in one process.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable
from statistics import geometric_mean, median

import keras
import numpy as np
import tensorflow as tf

import deepxor
from deepxor.monitor.callback import GradientMonitor

L = keras.layers
WARM_UP = 120  # steps, in which all of the monitor's functions are traced
TURN = 20  # steps
TURNS = 20  # of every way, with models of its own, a round
RECORD = 5  # turns, in which the default monitor has one record
FITS = 10  # of one model again, a round

Task = tuple[keras.Model, np.ndarray, np.ndarray, int]


def mlp() -> Task:
    """Returns ten dense layers of 256 units, with data and batch size."""
    hidden = [L.Dense(256, "relu") for _ in range(9)]
    model = keras.Sequential([keras.Input((256,)), *hidden, L.Dense(10)])
    return model, _normal(2560, 256), _classes(2560), 128


def cnn() -> Task:
    """Returns three convolutions and two dense layers."""
    layers = [
        L.Conv2D(16, 3, activation="relu"),
        L.Conv2D(32, 3, 2, activation="relu"),
        L.Conv2D(32, 3, activation="relu"),
        L.Flatten(),
        L.Dense(64, "relu"),
        L.Dense(10),
    ]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    return model, _normal(1280, 32, 32, 3), _classes(1280), 32


def transformer() -> Task:
    """Returns two blocks of attention over 32 tokens."""
    tokens = keras.Input((32,), dtype="int32")
    x = L.Embedding(1000, 64)(tokens)
    for _ in range(2):
        x = L.LayerNormalization()(x + L.MultiHeadAttention(4, 16)(x, x))
        x = L.LayerNormalization()(x + L.Dense(64)(L.Dense(128, "gelu")(x)))
    model = keras.Model(tokens, L.Dense(10)(L.GlobalAveragePooling1D()(x)))
    x = np.random.default_rng(0).integers(0, 1000, (1280, 32))
    return model, x, _classes(1280), 32


def lstm() -> Task:
    """Returns an LSTM of 64 units over 24 steps."""
    model = keras.Sequential([keras.Input((24, 16)), L.LSTM(64), L.Dense(10)])
    return model, _normal(1280, 24, 16), _classes(1280), 32


MODELS: dict[str, Callable[[], Task]] = {
    "MLP": mlp,
    "CNN": cnn,
    "transformer": transformer,
    "LSTM": lstm,
}


class SecondPass(keras.callbacks.Callback):
    """Takes the gradient of a fixed batch again after every step, and its norms."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        self._x, self._y = tf.constant(x), tf.constant(y)
        self._norms = tf.function(self._measure)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.norms = [float(norm) for norm in self._norms()]

    def _measure(self) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs = self.model(self._x, training=True)
            loss = self.model.compute_loss(y=self._y, y_pred=outputs)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        return [tf.linalg.global_norm([g]) for g in gradients if g is not None]


class Training:
    """A `fit` that is stepped through from outside, as `fit` itself does it.

    Args:
        task: The model, its data and the batch size.
        is_compiled: Whether XLA compiles the step.
        callbacks: Of the fit.
    """

    def __init__(
        self, task: Task, is_compiled: bool, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        self._model, x, y, size = task
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile("sgd", loss, jit_compile=is_compiled)
        data = tf.data.Dataset.from_tensor_slices((x, y))
        self._iterator = iter(data.batch(size, drop_remainder=True).cache().repeat())
        self._callbacks = keras.callbacks.CallbackList(
            callbacks, model=self._model, epochs=1, steps=10**6
        )
        self._model.stop_training = False
        # Makes the variables of metrics and optimizer. A step that made them would be
        # traced once more, at its second call.
        self._model.fit(x[:size], y[:size], batch_size=size, verbose=0)
        self._callbacks.on_train_begin()
        self._batch = 0
        self.steps(WARM_UP)

    def steps(self, count: int) -> float:
        """Takes some steps; returns the seconds of one."""
        begin = time.perf_counter()
        for _ in range(count):
            self._callbacks.on_train_batch_begin(self._batch)
            logs = self._model.train_function(self._iterator)
            self._callbacks.on_train_batch_end(self._batch, logs)
            self._batch += 1
        return (time.perf_counter() - begin) / count


def compare(name: str, is_compiled: bool, rounds: int) -> dict[str, float]:
    """Returns what one step takes: way -> seconds for "bare", else ratios to it.

    Args:
        name: Of `MODELS`.
        is_compiled: Whether XLA compiles the step.
        rounds: How often new models are made, each of which takes `TURNS` turns.
    """
    bare: list[float] = []
    ratios: dict[str, list[float]] = {}
    for number in range(rounds):
        seconds = _take_turns(name, is_compiled, number)
        # Sums, lest the turn with the record be dropped by the median.
        groups = [slice(i, i + RECORD) for i in range(0, TURNS, RECORD)]
        bare += seconds["bare"]
        for way in list(seconds)[1:]:
            ratios.setdefault(way, []).extend(
                sum(seconds[way][group]) / sum(seconds["bare"][group])
                for group in groups
            )
    return {"bare": median(bare), **{way: median(r) for way, r in ratios.items()}}


def _take_turns(name: str, is_compiled: bool, seed: int) -> dict[str, list[float]]:
    """Returns the seconds of a step in each turn of every way, "bare" the first."""
    make = MODELS[name]
    _, x, y, size = make()
    ways: dict[str, list[keras.callbacks.Callback]] = {
        "bare": [],
        "bare again": [],
        "default": [GradientMonitor()],
        "every=1": [GradientMonitor(every=1)],
        "second pass": [SecondPass(x[:size], y[:size])],
    }
    # In orders of their own: two models that do the same can differ by some hundredths
    # for as long as they live, and what runs after the second pass finds the cache full
    # of something else.
    order = random.Random(seed)
    trainings = {}
    for way in order.sample(list(ways), len(ways)):
        keras.utils.set_random_seed(0)
        trainings[way] = Training(make(), is_compiled, ways[way])
    gc.collect()
    # A full collection takes a second with so many traced steps in one process, and
    # would be counted for whoever makes an object next.
    gc.freeze()
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(TURNS):
        for way in order.sample(list(ways), len(ways)):
            seconds[way].append(trainings[way].steps(TURN))
    gc.unfreeze()
    return seconds


def compare_again(name: str, is_compiled: bool, rounds: int) -> dict[str, float]:
    """Returns what one more `fit` of a model takes that has been fitted before.

    Of one epoch of `TURN` steps, bare and with the default monitor in turns; a new
    monitor every other time, which has the settings of the one before.

    Args:
        name: Of `MODELS`.
        is_compiled: Whether XLA compiles the step.
        rounds: How often new models are made, each of which is fitted `FITS` times.

    Returns:
        Way -> seconds for "bare", else ratios to it.
    """
    seconds: dict[str, list[float]] = {"bare": [], "again": [], "new monitor": []}
    for _ in range(rounds):
        models, monitor = [], GradientMonitor()
        for _ in range(2):
            keras.utils.set_random_seed(0)
            model, x, y, size = MODELS[name]()
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("sgd", loss, jit_compile=is_compiled)
            models.append(model)
        x, y = x[: TURN * size], y[: TURN * size]
        for number in range(FITS + 2):
            other = GradientMonitor()
            for way, model, callbacks in (
                ("bare", models[0], []),
                ("again", models[1], [monitor]),
                ("new monitor", models[1], [other]),
            ):
                begin = time.perf_counter()
                model.fit(x, y, size, verbose=0, callbacks=callbacks)
                if number >= 2:  # after the traces
                    seconds[way].append(time.perf_counter() - begin)
    bare, *ways = seconds
    ratios = {
        way: median(a / b for a, b in zip(seconds[way], seconds[bare], strict=True))
        for way in ways
    }
    return {bare: median(seconds[bare]), **ratios}


def monitor_rows(
    measure: Callable[[str, bool], dict[str, float]],
) -> list[tuple[str, ...]]:
    """Returns the cells of the table: a row a model, and the geometric means.

    Args:
        measure: Does what `compare` does, given a name and whether XLA compiles.
    """
    rows, ratios = [], []
    for name in MODELS:
        for is_compiled in (False, True):
            found = measure(name, is_compiled)
            ratios.append(list(found.values())[1:])
            label = f"{name}, {'XLA' if is_compiled else 'graph'}"
            print(f"the monitor: {label}", file=sys.stderr)
            rows.append((label, f"{found['bare'] * 1e3:.2f}", *map(_ratio, ratios[-1])))
    means = [geometric_mean(column) for column in zip(*ratios, strict=True)]
    return [*rows, ("geometric mean", "", *map(_ratio, means))]


def _ratio(value: float) -> str:
    return f"{value:.3f}"


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _classes(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 10, count)


AGAIN_HEADINGS = ("", "bare, ms", "again", "new monitor")
AGAIN_TITLE = f"GradientMonitor (deepxor {deepxor.__version__}) in a fit again"
AGAIN_NOTE = (
    f"A fit of one epoch of {TURN} steps, each of which is a record, of a model that "
    "has been fitted in the same way; ratios to the same without a callback."
)
HEADINGS = ("", "bare, ms", "bare again", "default", "every=1", "second pass")
TITLE = f"GradientMonitor (deepxor {deepxor.__version__}) in a step of fit"
NOTE = (
    "Ratios to bare. Bare again, a second model of the same kind, shows how far two "
    "that do the same lie apart. Default: a record every 100 steps. Second pass: a "
    "callback that takes the gradient of a batch again after every step."
)
