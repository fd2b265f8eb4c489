"""The tables of scripts/bench, by the names that its flag --only takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepxor.xor.config import Experiment
from scripts.benchmarks.speed import command, sweep
from scripts.benchmarks.speed.lecture import LECTURE
from scripts.benchmarks.speed.report import Report
from scripts.benchmarks.speed.step import table as step
from scripts.benchmarks.speed.step.c_loop import check_c
from scripts.benchmarks.speed.timing.process import load_tensorflow
from scripts.benchmarks.speed.training import recording, thousand


@dataclass(frozen=True)
class Options:
    """What all tables are measured with.

    Attributes:
        folder: The folder for temporary files.
        python: The interpreter that runs PyTorch and JAX.
        rounds: The number of rounds.
    """

    folder: Path
    python: str
    rounds: int


def reports(options: Options, is_quick: bool, only: str) -> Iterator[Report]:
    """Measures and yields one report after the other.

    Args:
        options: What the tables are measured with.
        is_quick: Whether two tables are measured with a few steps, and not all.
        only: The one table that is measured, a key of `TABLES`; "" for all of them.

    Yields:
        The reports.
    """
    check_c(options.folder)
    load_tensorflow()
    if is_quick:
        measures = step.quick_rows(options.folder, options.python)
        yield step.report(measures, options.rounds)
        few_steps = [Experiment(activation="relu", num_steps=201)]
        yield recording.report(few_steps, options.folder, options.rounds)
        return
    for name, measure in TABLES.items():
        if only in ("", name):
            yield measure(options)


def _step(options: Options) -> Report:
    measures = step.rows(options.folder, options.python)
    return step.report(measures, options.rounds)


def _recording(options: Options) -> Report:
    experiments = [command.EXPERIMENT, LECTURE]
    return recording.report(experiments, options.folder, options.rounds)


def _monitor(options: Options) -> Report:
    from scripts.benchmarks.speed.monitor import table  # loads TensorFlow

    return table.step_report(options.rounds)


def _again(options: Options) -> Report:
    from scripts.benchmarks.speed.monitor import table  # loads TensorFlow

    return table.again_report(options.rounds)


def _command(options: Options) -> Report:
    return command.report(options.folder, options.rounds)


def _thousand(options: Options) -> Report:
    return thousand.report(options.folder, options.python, options.rounds)


def _tab(options: Options) -> Report:
    from scripts.benchmarks.speed.tab import table  # needs Selenium

    return table.report(options.folder, options.rounds)


def _playground(options: Options) -> Report:
    from scripts.benchmarks.speed import playground  # needs Selenium

    return playground.report(options.rounds)


def _sweep(options: Options) -> Report:
    return sweep.report(options.folder, options.rounds)


def _perceptrons(options: Options) -> Report:
    from scripts.benchmarks.speed.perceptrons import table  # needs scikit-learn

    return table.report(options.rounds)


TABLES: dict[str, Callable[[Options], Report]] = {
    "step": _step,
    "recording": _recording,
    "monitor": _monitor,
    "again": _again,
    "command": _command,
    "thousand": _thousand,
    "tab": _tab,
    "playground": _playground,
    "sweep": _sweep,
    "perceptrons": _perceptrons,
}
