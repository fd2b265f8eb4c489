"""The table of a sweep: on one core and on two, and what it costs besides."""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.process import output_of
from scripts.benchmarks.speed.timing.rounds import in_turns

# Ten thousand networks of one shape, and a map of many shapes, each of which has to be
# compiled.
SWEEPS: dict[str, tuple[str, ...]] = {
    "10,000 networks of the lecture, 10,001 steps": (
        "--axis=learning_rate=0.03:0.3:log10",
        "--network=lecture",
        "--activation=relu",
        "--replicas=1000",
    ),
    "12 depths x 7 variances x 50 networks of width 10, 5,001 steps": (
        "--axis=depth=2:24:2",
        "--axis=weight_variance=1:4:0.5",
        "--width=10",
        "--activation=tanh",
        "--replicas=50",
        "--num_steps=5001",
    ),
}


class Timed(NamedTuple):
    """Holds the times of one sweep.

    Attributes:
        wall: The seconds of the whole command.
        training: The seconds of all chunks: the training with its compilation.
    """

    wall: float
    training: float


def report(folder: Path, rounds: int) -> Report:
    """Measures sweeps on one core and on two.

    Args:
        folder: The folder for logdirs.
        rounds: The number of rounds.

    Returns:
        A report with a row for each sweep.
    """
    measures: dict[str, Callable[[], Timed]] = {
        f"{name} {cores}": partial(time_sweep, folder, arguments, cores)
        for name, arguments in SWEEPS.items()
        for cores in (1, 2)
    }
    times = in_turns("sweeps", measures, rounds)
    rows = []
    for name in SWEEPS:
        one, two = times[f"{name} 1"], times[f"{name} 2"]
        ratios = [a.wall / b.wall for a, b in zip(one, two, strict=True)]
        beside = [100 * (each.wall / each.training - 1) for each in one]
        rows.append(
            (
                name,
                number_text(median(each.wall for each in one)),
                number_text(median(each.wall for each in two)),
                number_text(median(ratios)),
                number_text(median(each.training / 2 for each in two)),
                number_text(median(beside)),
            )
        )
    return Report(
        "python -m deepxor.sweep",
        (
            "", "one core, s", "two cores, s", "ratio", "training on two cores, s",
            "beside the training on one core, %",
        ),
        rows,
        "Seconds of the whole command, from its start to its last file, by taskset. "
        "Training is that of all chunks together, with their compilation; beside it "
        "are the start of Python and of TensorFlow, the file, the map and the events.",
    )  # fmt: skip


def time_sweep(folder: Path, arguments: tuple[str, ...], cores: int) -> Timed:
    """Returns the times of a sweep.

    Args:
        folder: The folder for the logdir.
        arguments: The arguments of the command.
        cores: The number of cores, and of processes.
    """
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        command = ["taskset", "-c", ",".join(map(str, allowed))]
        command += [sys.executable, "-m", "deepxor.sweep", *arguments, "--quiet"]
        command += [f"--logdir={logdir}/logdir", f"--jobs={cores}"]
        begin = time.perf_counter()
        output_of(command)
        wall = time.perf_counter() - begin
        (file,) = Path(logdir).glob("logdir/*/networks.csv")
        with file.open(newline="") as rows:
            training = sum(float(row["seconds"]) for row in csv.DictReader(rows))
    return Timed(wall, training)
