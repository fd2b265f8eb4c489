"""The table of activations and initializers: its trials, and how they are run."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepxor.checks import check_at_least, refuse
from deepxor.vision.config import DISTRIBUTIONS, Recipe, RunOptions, Trial
from deepxor.vision.run import TrialRun


@dataclass(frozen=True)
class Grid:
    """Describes a table to train: every activation with every initializer and seed.

    Attributes:
        dataset: The data set of every trial, a key of `vision.datasets.DATASETS`.
        network: The network of every trial, a key of `vision.models.CONVNETS`.
        activations: The columns, keys of `nn.activations.ACTIVATIONS`.
        initializers: The rows, of `nn.initializers.KERAS_INITIALIZERS`.
        seeds: The number of seeds, which count from 0; at least 1.
        recipe: The recipe of every trial.

    Raises:
        ValueError: If a name is unknown, missing or given twice, or `seeds` is below 1.
    """

    dataset: str
    network: str
    activations: tuple[str, ...]
    initializers: tuple[str, ...]
    seeds: int
    recipe: Recipe

    def __post_init__(self) -> None:
        for name in ("activations", "initializers"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                refuse(name, ",".join(values), "at least one name, each of them once")
        check_at_least("seeds", self.seeds, 1)
        self.trials  # noqa: B018  each trial checks its settings when it is made

    @functools.cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, seed by seed, so that there is a whole table early on."""
        return tuple(
            Trial(
                self.dataset, self.network, activation, initializer, seed, self.recipe
            )
            for seed in range(self.seeds)
            for initializer in self.initializers
            for activation in self.activations
        )

    @property
    def name(self) -> str:
        """The name of the table's folder."""
        return f"{self.dataset}-{self.network}"


def default_jobs(grid: Grid, distribute: str) -> int:
    """Returns how many trials to train at once where nobody says so.

    Args:
        grid: The table.
        distribute: One of `DISTRIBUTIONS`.

    Returns:
        One a core for the small pictures of digits; one for others, which fill a
        machine, and where each takes all devices.
    """
    is_small = grid.dataset == "digits" and distribute == DISTRIBUTIONS[0]
    return len(os.sched_getaffinity(0)) if is_small else 1


# A trial and its results.
Trained = tuple[Trial, dict[str, Any]]


def run_grid(
    grid: Grid, folder: Path, options: RunOptions, start: Callable[[], None]
) -> Iterator[Trained]:
    """Trains the trials that have not been trained yet, several at once.

    Args:
        grid: The table.
        folder: The table's folder.
        options: How the trials are run.
        start: A function that each process calls first.

    Yields:
        Every trial and its results: first the trials that were trained before, then the
        others in the order in which they end.

    Raises:
        RunError: If a trial's folder holds something else.
        OSError: If a folder cannot be written to.
        KeyboardInterrupt: If Ctrl-C ended the training; finished trials are kept.
    """
    left = []
    for trial in grid.trials:
        results = TrialRun(trial, folder).load()
        if results is None:
            left.append(trial)
        else:
            yield trial, results
    if left:
        yield from _train(left, folder, options, start)


def _train(
    trials: list[Trial],
    folder: Path,
    options: RunOptions,
    start: Callable[[], None],
) -> Iterator[Trained]:
    # Processes are spawned, as TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(options.jobs, len(trials)),
        context,
        initializer=_start_worker,
        initargs=(start,),
    )
    futures: dict[Future[Any], Trial] = {}
    try:
        for trial in trials:
            future = pool.submit(_train_trial, trial, folder, options)
            futures[future] = trial
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(start: Callable[[], None]) -> None:
    # Ctrl-C reaches all processes; the parent handles it and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start()


def _end_with_parent() -> None:
    """Waits for the process that started this one to end, and then ends this one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _train_trial(trial: Trial, folder: Path, options: RunOptions) -> dict[str, Any]:
    from deepxor.vision.train import train_trial

    return train_trial(trial, folder, options)
