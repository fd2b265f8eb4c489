"""What recording a whole training costs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from deepxor.xor.config import Experiment
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.rounds import in_turns
from scripts.benchmarks.speed.training.whole import (
    Training,
    train_alone,
    train_bare,
    train_recorded,
)


def report(experiments: Sequence[Experiment], folder: Path, rounds: int) -> Report:
    """Compares trainings with everything written to the same with nothing recorded.

    Args:
        experiments: What is trained. All have as many steps, replicas and records.
        folder: The folder for logdirs.
        rounds: The number of rounds.

    Returns:
        A report with two rows an experiment.
    """
    rows: list[tuple[str, ...]] = []
    for experiment in experiments:
        name = f"{experiment.network}, {experiment.activation}"
        recorded = partial(train_recorded, folder)
        times = in_turns(
            f"recording, {name}",
            {
                "bare": partial(train_alone, experiment, train_bare),
                "recorded": partial(train_alone, experiment, recorded),
            },
            rounds,
        )
        rows += _rows(name, times["bare"], times["recorded"])
    first = experiments[0]
    return Report(
        f"What recording costs: {first.num_steps:,} steps of {first.replicas} networks",
        ("", "bare, s", "everything written, s", "ratio", "lowest - highest"),
        rows,
        f"Bare: fit without a callback. Written: a record every {first.log_every} "
        "steps, every step's norms, the run's folder; pending writes are waited for. "
        "Each training in a process of its own.",
    )


def _rows(
    name: str, bare: Sequence[Training], recorded: Sequence[Training]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for label, attribute in (
        ("after the first batch", "steady"),
        ("whole, compilation included", "whole"),
    ):
        seconds = [
            (getattr(a, attribute), getattr(b, attribute))
            for a, b in zip(bare, recorded, strict=True)
        ]
        ratios = [b / a for a, b in seconds]
        rows.append(
            (
                f"{name}: {label}",
                number_text(median(a for a, _ in seconds)),
                number_text(median(b for _, b in seconds)),
                number_text(median(ratios)),
                f"{number_text(min(ratios))} - {number_text(max(ratios))}",
            )
        )
    return rows
