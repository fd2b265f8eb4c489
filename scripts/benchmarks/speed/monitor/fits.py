"""The fits of a model that has been fitted before, bare and with the monitor."""

from __future__ import annotations

import time
from statistics import median

import keras

from deepxor.monitor.callback import GradientMonitor
from scripts.benchmarks.speed.monitor.models import MODELS, compile_model

STEPS = 20  # steps of a fit
FITS = 10  # fits of one model, a round
FIRST_FITS = 2  # fits before these, in which steps are traced


def compare_fits(name: str, is_compiled: bool, rounds: int) -> dict[str, float]:
    """Returns what one more `fit` takes of a model that has been fitted before.

    A fit is one epoch of `STEPS` steps, bare and with the default monitor in turns.
    Every other time the monitor is a new one with the settings of the one before.

    Args:
        name: A key of `MODELS`.
        is_compiled: Whether XLA compiles the step.
        rounds: How often new models are made, each of which is fitted `FITS` times.

    Returns:
        Each way's name with its seconds for "bare", the first, and else its ratio to
        them.
    """
    seconds: dict[str, list[float]] = {"bare": [], "again": [], "new monitor": []}
    for _ in range(rounds):
        models, monitor = [], GradientMonitor()
        for _ in range(2):
            keras.utils.set_random_seed(0)
            model, x, y, size = MODELS[name]()
            compile_model(model, is_compiled)
            models.append(model)
        x, y = x[: STEPS * size], y[: STEPS * size]
        for number in range(FITS + FIRST_FITS):
            other = GradientMonitor()
            for way, model, callbacks in (
                ("bare", models[0], []),
                ("again", models[1], [monitor]),
                ("new monitor", models[1], [other]),
            ):
                begin = time.perf_counter()
                model.fit(x, y, size, verbose=0, callbacks=callbacks)
                if number >= FIRST_FITS:
                    seconds[way].append(time.perf_counter() - begin)
    bare, *ways = seconds
    ratios = {
        way: median(a / b for a, b in zip(seconds[way], seconds[bare], strict=True))
        for way in ways
    }
    return {bare: median(seconds[bare]), **ratios}
