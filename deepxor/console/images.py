"""The table of activations and initializers as somebody at a console sees it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterable
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

from deepxor.console.tables import make_console
from deepxor.report.score_table import (
    Score,
    Scores,
    console_table,
    score_csv,
    score_html,
)
from deepxor.runs.atomic import write_atomically
from deepxor.vision.config import DISTRIBUTIONS
from deepxor.vision.grid import Grid, Trained, run_grid
from deepxor.vision.published import MISHKIN_2015


def run_on_console(
    grid: Grid,
    logdir: str,
    jobs: int,
    start: Callable[[], None],
    data_dir: str | None = None,
    distribute: str = DISTRIBUTIONS[0],
    quiet: bool = False,
) -> int:
    """Trains a table with a progress bar, prints it and writes it as CSV and HTML.

    Args:
        grid: The table.
        logdir: Where the table's folder is made.
        jobs: As `run_grid` takes it, as are the next three.
        start: Called first in each process.
        data_dir: Where the pictures are.
        distribute: Over what devices a cell is trained.
        quiet: Print nothing.

    Returns:
        The exit status.

    Raises:
        RunError: As `run_grid`.
        OSError: If something cannot be written.
    """
    folder = Path(logdir) / grid.name
    console = Console(quiet=True) if quiet else make_console()
    trained: list[Trained] = []
    cells = run_grid(grid, folder, jobs, start, data_dir, distribute)
    with _bar(console) as bar:
        task = bar.add_task("", total=len(grid.cells), last="")
        for cell, results in cells:
            trained.append((cell, results))
            last = f"{cell.run_name} {_outcome(results)}"
            bar.update(task, advance=1, last=last)
    title = f"{grid.network} on {grid.dataset}: test accuracy, %"
    scores = scores_of(grid, trained)
    console.print(console_table(title, grid.initializers, grid.activations, scores))
    table = (grid.initializers, grid.activations, scores)
    write_atomically(folder / "table.csv", score_csv(*table).encode())
    page = score_html(title, _facts(grid, trained), *table)
    write_atomically(folder / "table.html", page.encode())
    console.print(Text(f"Table: {folder / 'table.html'}, {folder / 'table.csv'}"))
    console.print(Text(f"Next: tensorboard --logdir {shlex.quote(str(folder))}"))
    return 0


def scores_of(grid: Grid, trained: Iterable[Trained]) -> Scores:
    """Returns the score of every initializer and activation.

    Args:
        grid: The table.
        trained: Its cells and their results, in any order.
    """
    accuracies: dict[tuple[str, str], list[float]] = {}
    verdicts: dict[tuple[str, str], list[str]] = {}
    for cell, results in trained:
        key = (cell.initializer, cell.activation)
        verdicts.setdefault(key, []).append(results["verdict"])
        if results["converged"]:
            accuracy = 100 * results["accuracy_test"]
            accuracies.setdefault(key, []).append(accuracy)
    has_paper = (grid.dataset, grid.network) == ("cifar10", "fitnet4")
    return {
        (row, column): Score(
            tuple(accuracies.get((row, column), ())),
            tuple(verdicts.get((row, column), ())),
            MISHKIN_2015.get((row, column)) if has_paper else None,
            has_paper and (row, column) in MISHKIN_2015,
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
        TextColumn("cells"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )
