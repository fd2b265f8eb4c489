"""The table of a thousand networks, recorded, against one network in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from scripts.benchmarks.speed.lecture import LECTURE, LOG_EVERY
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.step.interpreter import measure_peer
from scripts.benchmarks.speed.timing.rounds import in_turns
from scripts.benchmarks.speed.training.whole import train_alone, train_recorded

OURS = "deepxor, 1,000 networks"
THEIRS = "PyTorch, eager, 1 network"


def report(folder: Path, python: str, rounds: int) -> Report:
    """Compares a thousand recorded trainings to one in PyTorch's eager loop.

    Args:
        folder: The folder for logdirs.
        python: The interpreter that runs PyTorch.
        rounds: The number of rounds.

    Returns:
        A report with a row for deepxor and one for PyTorch.
    """
    experiment = replace(LECTURE, replicas=1000, log_every=LOG_EVERY)
    steps = experiment.num_steps

    def time_torch() -> float | None:
        sample = measure_peer(python, "torch", steps)
        return None if sample is None else sample.microseconds * steps / 1e6

    measures: dict[str, Callable[[], float | None]] = {
        OURS: lambda: train_alone(experiment, partial(train_recorded, folder)).whole,
        THEIRS: time_torch,
    }
    times = in_turns("a thousand networks", measures, rounds)
    rows = []
    for name, values in times.items():
        pairs = [(a, b) for a, b in zip(values, times[OURS], strict=True) if a and b]
        if pairs:
            ratio = number_text(median(a / b for a, b in pairs))
            rows.append((name, number_text(median(a for a, _ in pairs)), ratio))
        else:
            rows.append((name, "not installed", "-"))
    return Report(
        f"{steps:,} steps, from the building of the model to the last byte written",
        ("", "s", "ratio"),
        rows,
        "Imports aside. deepxor compiles, records every step's norms, and writes its "
        f"run, with --log_every={LOG_EVERY}; PyTorch's loop alone.",
    )
