"""Trains the table of activations and initializers with output on the console."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from deepxor import quiet
from deepxor.console import app
from deepxor.console.fitting import print_table
from deepxor.console.next_step import print_tensorboard
from deepxor.console.tables import make_console
from deepxor.report.score_table import (
    Score,
    Scores,
    console_table,
    score_csv,
    score_html,
)
from deepxor.runs.atomic import write_atomically
from deepxor.vision.config import RunOptions
from deepxor.vision.grid import Grid, Trained, run_grid
from deepxor.vision.published import MISHKIN_2015


def train_on_console(grid: Grid, logdir: str, options: RunOptions) -> int:
    """Trains a table with a progress bar, prints it and writes it as CSV and HTML.

    Args:
        grid: The table.
        logdir: The folder in which the table's folder is made.
        options: How the table is run.

    Returns:
        The exit status, 0.

    Raises:
        RunError: If a trial's folder holds something else, or scikit-learn is missing.
        ValueError: If the files of the pictures are wrong.
        OSError: If a file cannot be read, downloaded or written.
    """
    with app.loading(grid.dataset, options.quiet):
        _check_pictures(grid.dataset, options.data_dir)
    # TensorFlow reports an error, and goes on, if it cannot fuse a leaky ReLU.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # With several processes each gets one thread, as all cores are taken.
    start = functools.partial(_start, threads=1 if options.jobs > 1 else 0)
    folder = Path(logdir) / grid.name
    console = Console(quiet=True) if options.quiet else make_console()
    trained: list[Trained] = []
    trials = run_grid(grid, folder, options, start)
    with _bar(console) as bar:
        task = bar.add_task(
            "", total=len(grid.trials), last="loading TensorFlow, then training"
        )
        for trial, results in trials:
            trained.append((trial, results))
            last = f"{trial.run_name} {_outcome(results)}"
            bar.update(task, advance=1, last=last)
    title = f"{grid.network} on {grid.dataset}: test accuracy, %"
    scores = scores_of(grid, trained)
    table = (grid.initializers, grid.activations, scores)
    shown = console_table(title, *table)
    least_important = grid.activations[:0:-1]
    print_table(console, shown, least_important, f"see {folder / 'table.csv'}")
    write_atomically(folder / "table.csv", score_csv(*table).encode())
    page = score_html(title, _facts(grid, trained), *table)
    write_atomically(folder / "table.html", page.encode())
    console.print(Text(f"Table: {folder / 'table.html'}, {folder / 'table.csv'}"))
    print_tensorboard(console, str(folder))
    return 0


def _start(threads: int) -> None:
    """Loads TensorFlow in a process that trains."""
    quiet.load_tensorflow(threads)
    import tensorflow as tf

    # TensorFlow warns of functions that are traced often, as those of many models are.
    tf.get_logger().setLevel("ERROR")


def _check_pictures(dataset: str, data_dir: str | None) -> None:
    """Loads the pictures once, so that an error is one line and not one a process."""
    from deepxor.runs.folder import RunError
    from deepxor.vision.datasets import load

    if dataset != "digits" and data_dir is None:
        quiet.load_tensorflow()  # Keras, which downloads them, needs it
    try:
        load(dataset, data_dir)
    except ImportError as error:
        raise RunError(str(error)) from error


def scores_of(grid: Grid, trained: Iterable[Trained]) -> Scores:
    """Returns the score of every initializer and activation.

    Args:
        grid: The table.
        trained: The trials and their results, in any order.

    Returns:
        The scores by initializer and activation.
    """
    accuracies: dict[tuple[str, str], list[float]] = {}
    verdicts: dict[tuple[str, str], list[str]] = {}
    causes: dict[tuple[str, str], list[str]] = {}
    for trial, results in trained:
        key = (trial.initializer, trial.activation)
        verdicts.setdefault(key, []).append(results["verdict"])
        if results.get("cause"):  # tables of 0.1.0 have none
            causes.setdefault(key, []).append(results["cause"])
        if results["converged"]:
            accuracy = 100 * results["accuracy_test"]
            accuracies.setdefault(key, []).append(accuracy)
    is_published = (grid.dataset, grid.network) == ("cifar10", "fitnet4")
    return {
        (row, column): Score(
            tuple(accuracies.get((row, column), ())),
            tuple(verdicts.get((row, column), ())),
            MISHKIN_2015.get((row, column)) if is_published else None,
            is_published and (row, column) in MISHKIN_2015,
            tuple(causes.get((row, column), ())),
        )
        for row in grid.initializers
        for column in grid.activations
    }


def _facts(grid: Grid, trained: Iterable[Trained]) -> list[tuple[str, Any]]:
    seconds = sum(results["seconds"] for _, results in trained)
    recipe = dataclasses.asdict(grid.recipe)
    return [("seeds", grid.seeds), *recipe.items(), ("seconds of all", round(seconds))]


def _outcome(results: dict[str, Any]) -> str:
    if not results["converged"]:
        return f"n/c, {results['verdict']}"
    return f"{results['accuracy_test']:.3f}"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("trials"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )
