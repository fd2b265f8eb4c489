"""The tables of GradientMonitor: what it costs a step of `fit`, and a fit again.

Models of four kinds, compiled by XLA or not, are each trained bare, with the monitor,
and with what people use without it: a callback that takes the gradient of a batch once
more. Those of one model take their steps in turns in one process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from statistics import geometric_mean

import deepxor
from scripts.benchmarks.speed.report import Report
from scripts.benchmarks.speed.timing.process import in_new_process, load_tensorflow

# Measures a model, given its name and whether XLA compiles its step. It returns each
# way's name with the seconds for "bare", the first, and else the ratio to them.
Compare = Callable[[str, bool], dict[str, float]]


def step_report(rounds: int) -> Report:
    """Compares the steps of `fit` of ordinary models with and without the monitor.

    Args:
        rounds: The number of rounds.

    Returns:
        A report with a row a model, and one of the geometric means.
    """
    return Report(
        f"GradientMonitor (deepxor {deepxor.__version__}) in a step of fit",
        ("", "bare, ms", "bare again", "default", "every=1", "second pass"),
        _rows(_in_new_process(_compare_steps, rounds)),
        "Ratios to bare. Bare again, a second model of the same kind, shows how far "
        "two that do the same lie apart. Default: a record every 100 steps. Second "
        "pass: a callback that takes the gradient of a batch again after every step.",
    )


def again_report(rounds: int) -> Report:
    """Compares one more `fit` of models that have been fitted before.

    Args:
        rounds: The number of rounds.

    Returns:
        A report with a row a model, and one of the geometric means.
    """
    from scripts.benchmarks.speed.monitor.fits import STEPS

    return Report(
        f"GradientMonitor (deepxor {deepxor.__version__}) in a fit again",
        ("", "bare, ms", "again", "new monitor"),
        _rows(_in_new_process(_compare_fits, rounds)),
        f"A fit of one epoch of {STEPS} steps, each of which is a record, of a model "
        "that has been fitted in the same way; ratios to the same without a callback.",
    )


def _rows(compare: Compare) -> list[tuple[str, ...]]:
    from scripts.benchmarks.speed.monitor.models import MODELS

    rows: list[tuple[str, ...]] = []
    ratios = []
    for name in MODELS:
        for is_compiled in (False, True):
            found = compare(name, is_compiled)
            ratios.append(list(found.values())[1:])
            label = f"{name}, {'XLA' if is_compiled else 'graph'}"
            print(f"the monitor: {label}", file=sys.stderr)
            rows.append((label, f"{found['bare'] * 1e3:.2f}", *map(_ratio, ratios[-1])))
    means = [geometric_mean(column) for column in zip(*ratios, strict=True)]
    return [*rows, ("geometric mean", "", *map(_ratio, means))]


def _ratio(value: float) -> str:
    return f"{value:.3f}"


def _in_new_process(
    compare: Callable[[int, str, bool], dict[str, float]], rounds: int
) -> Compare:
    # What one model leaves in memory changes what the next one takes.
    return lambda name, is_compiled: in_new_process(
        partial(compare, rounds, name, is_compiled)
    )


def _compare_steps(rounds: int, name: str, is_compiled: bool) -> dict[str, float]:
    load_tensorflow(0)  # on all cores, as in anybody's `fit`
    from scripts.benchmarks.speed.monitor.steps import compare_steps

    return compare_steps(name, is_compiled, rounds)


def _compare_fits(rounds: int, name: str, is_compiled: bool) -> dict[str, float]:
    load_tensorflow(0)
    from scripts.benchmarks.speed.monitor.fits import compare_fits

    return compare_fits(name, is_compiled, rounds)
