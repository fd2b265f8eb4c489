"""Trains the table of activations and initializers with output on the console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from deepxor.console import app
from deepxor.console.fitting import print_table
from deepxor.console.next_step import print_tensorboard
from deepxor.console.sweep import Watch, print_failed
from deepxor.console.tables import make_console
from deepxor.quiet import load_tensorflow
from deepxor.report.score_table import (
    Score,
    Scores,
    console_table,
    score_csv,
    score_html,
)
from deepxor.runs.atomic import write_atomically
from deepxor.sweeps.engines.pool import Engine
from deepxor.sweeps.outputs import Outputs
from deepxor.sweeps.run import run_sweep
from deepxor.sweeps.sweep import Sweep
from deepxor.vision.published import MISHKIN_2015


def train_on_console(sweep: Sweep, engine: Engine, logdir: str, quiet: bool) -> int:
    """Trains a table with a progress bar, prints it and writes it as CSV and HTML.

    Args:
        sweep: The table, a sweep of a `PicturesTask` over initializer and activation.
        engine: Where the networks are trained.
        logdir: The folder in which the table's folder is made.
        quiet: Whether nothing is printed.

    Returns:
        The exit status: 0, or 1 if no network could be trained.

    Raises:
        RunError: If the folder holds something else, or scikit-learn is missing.
        ValueError: If the files of the pictures are wrong.
        OSError: If a file cannot be read, downloaded or written.
    """
    task: Any = sweep.task
    settings = sweep.common_settings
    with app.loading(settings["dataset"], quiet):
        _check_pictures(settings["dataset"], task.data_dir)
    console = Console(quiet=True) if quiet else make_console()
    # As the user gave it; the task has the absolute path.
    outputs, folder = Outputs(sweep, task.folder), Path(logdir) / task.folder.name
    with Watch(sweep, outputs, console) as watch:
        rows = run_sweep(sweep, folder, engine, watch)
    cells = outputs.finish(rows, watch.has_trained)
    title = f"{settings['network']} on {settings['dataset']}: test accuracy, %"
    initializers, activations = (
        [str(value) for value in axis.values] for axis in sweep.axes
    )
    table = (initializers, activations, scores_of(sweep, rows))
    shown = console_table(title, *table)
    least_important = activations[:0:-1]
    print_table(console, shown, least_important, f"see {folder / 'table.csv'}")
    write_atomically(folder / "table.csv", score_csv(*table).encode())
    seconds = round(sum(row["seconds"] for row in rows))
    facts = [*sweep.facts(), ("seconds of all", seconds)]
    write_atomically(folder / "table.html", score_html(title, facts, *table).encode())
    for what, names in (("Table", ("table.html", "table.csv")), ("Map", ("map.html",))):
        files = ", ".join(str(folder / name) for name in names)
        console.print(Text(f"{what}: {files}"), soft_wrap=True)
    print_failed(console, cells)
    print_tensorboard(console, str(folder))
    return int(not cells.table["networks"].any())


def _check_pictures(dataset: str, data_dir: str | None) -> None:
    """Loads the pictures once, so that an error is one line and not one a process."""
    from deepxor.runs.folder import RunError
    from deepxor.vision.datasets import load

    if dataset != "digits" and data_dir is None:
        load_tensorflow()  # Keras, which downloads them, needs it
    try:
        load(dataset, data_dir)
    except ImportError as error:
        raise RunError(str(error)) from error


def scores_of(sweep: Sweep, rows: Iterable[Mapping[str, Any]]) -> Scores:
    """Returns the score of every initializer and activation.

    Args:
        sweep: The table.
        rows: The rows of its networks, in any order.

    Returns:
        The scores by initializer and activation.
    """
    by_cell: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if not row.get("error"):
            by_cell.setdefault(row["cell"], []).append(row)
    settings = sweep.common_settings
    is_published = (settings["dataset"], settings["network"]) == ("cifar10", "fitnet4")
    scores = {}
    for cell, trial in enumerate(sweep.experiments):
        key = (trial.initializer, trial.activation)
        networks = by_cell.get(cell, [])
        scores[key] = Score(
            tuple(100 * each["accuracy"] for each in networks if each["converged"]),
            tuple(each["verdict"] for each in networks),
            MISHKIN_2015.get(key) if is_published else None,
            is_published and key in MISHKIN_2015,
            tuple(each["cause"] for each in networks if each["cause"]),
        )
    return scores
