"""The steps of a `fit`, bare and with the monitor, which models take in turns."""

from __future__ import annotations

import gc
import random
import time
from statistics import median

import keras
import tensorflow as tf

from deepxor.monitor.callback import GradientMonitor
from scripts.benchmarks.speed.monitor.models import MODELS, Task, compile_model
from scripts.benchmarks.speed.monitor.second_pass import SecondPass

WARM_UP = 120  # steps, in which all of the monitor's functions are traced
TURN = 20  # steps of one turn
TURNS = 20  # turns of every way, a round
RECORD = 5  # turns, in which the default monitor has one record


class SteppedFit:
    """A `fit` whose steps are taken from outside, as `fit` itself takes them.

    Args:
        task: The model, its data and the batch size.
        is_compiled: Whether XLA compiles the step.
        callbacks: The callbacks of the fit.
    """

    def __init__(
        self, task: Task, is_compiled: bool, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        self._model, x, y, size = task
        compile_model(self._model, is_compiled)
        data = tf.data.Dataset.from_tensor_slices((x, y))
        self._iterator = iter(data.batch(size, drop_remainder=True).cache().repeat())
        self._callbacks = keras.callbacks.CallbackList(
            callbacks, model=self._model, epochs=1, steps=10**6
        )
        self._model.stop_training = False
        # This makes the variables of metrics and optimizer. A step that made them would
        # be traced once more, at its second call.
        self._model.fit(x[:size], y[:size], batch_size=size, verbose=0)
        self._callbacks.on_train_begin()
        self._batch = 0
        self.steps(WARM_UP)

    def steps(self, count: int) -> float:
        """Takes so many steps; returns the seconds of one of them."""
        begin = time.perf_counter()
        for _ in range(count):
            self._callbacks.on_train_batch_begin(self._batch)
            logs = self._model.train_function(self._iterator)
            self._callbacks.on_train_batch_end(self._batch, logs)
            self._batch += 1
        return (time.perf_counter() - begin) / count


def compare_steps(name: str, is_compiled: bool, rounds: int) -> dict[str, float]:
    """Returns what one step of a model takes.

    Args:
        name: A key of `MODELS`.
        is_compiled: Whether XLA compiles the step.
        rounds: How often new models are made, each of which takes `TURNS` turns.

    Returns:
        Each way's name with its seconds for "bare", the first, and else its ratio to
        them.
    """
    bare: list[float] = []
    ratios: dict[str, list[float]] = {}
    for number in range(rounds):
        seconds = _take_turns(name, is_compiled, number)
        # The median of single turns would drop the turn that has the record.
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
    # The ways are built and take their turns in random orders: two models that do the
    # same can differ by some hundredths for as long as they live, and what runs after
    # the second pass finds the cache full of something else.
    order = random.Random(seed)
    fits = {}
    for way in order.sample(list(ways), len(ways)):
        keras.utils.set_random_seed(0)
        fits[way] = SteppedFit(make(), is_compiled, ways[way])
    gc.collect()
    # A full collection takes a second with so many traced steps in one process, and
    # would be counted for whoever makes an object next.
    gc.freeze()
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(TURNS):
        for way in order.sample(list(ways), len(ways)):
            seconds[way].append(fits[way].steps(TURN))
    gc.unfreeze()
    return seconds
