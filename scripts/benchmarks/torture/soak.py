"""Does trials of all kinds, and counts what was wrong."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from scripts.benchmarks.torture.process import run
from scripts.benchmarks.torture.reference import (
    RUN,
    SWEEP,
    TRAIN,
    Reference,
    events_of,
    results_of,
    rows_of,
)
from scripts.benchmarks.torture.trial import TRACEBACK, FaultError, Kind, Outcome


def make_reference(folder: Path) -> Reference:
    """Trains what the trials are compared with, and what they begin with.

    Args:
        folder: The folder to train in.

    Raises:
        FaultError: If a command does not do what it does when nothing is wrong.
    """
    whole, stopped, swept = (folder / name for name in ("whole", "stopped", "swept"))
    begin = time.monotonic()
    run("deepxor.train", [*TRAIN, f"--logdir={whole}"]).check(0)
    seconds = time.monotonic() - begin
    _stop_twice(stopped, seconds)
    begin = time.monotonic()
    run("deepxor.sweep", [*SWEEP, f"--logdir={swept}"]).check(0)
    return Reference(
        whole,
        events_of(whole / RUN),
        results_of(whole / RUN),
        stopped / RUN,
        rows_of(swept / "sweep" / "networks.csv"),
        seconds,
        time.monotonic() - begin,
    )


def _stop_twice(logdir: Path, seconds: float) -> None:
    """Interrupts a run once it has an event file and a checkpoint, and once more."""
    path = logdir / RUN
    after = 0.8 * seconds
    files = 0
    while files < 2:
        resume = ["--resume"] if path.exists() else []
        arguments = [*TRAIN, f"--logdir={logdir}", *resume]
        if run("deepxor.train", arguments, signal.SIGINT, after).status == 0:
            # It was faster than the reference, and has finished.
            shutil.rmtree(logdir)
            after *= 0.9
        elif (path / "checkpoint.npz").exists():
            files = len([*path.glob("events.out.tfevents.*")])
        else:
            after *= 1.1


def plan(kinds: Sequence[Kind], count: int, seed: int) -> list[tuple[Kind, int]]:
    """Returns the kinds and the seeds of trials, of each kind its share, mixed.

    Args:
        kinds: The kinds.
        count: The number of trials.
        seed: The seed of the first one; the others count on from it.
    """
    total = sum(kind.share for kind in kinds)
    planned: list[Kind] = []
    for kind in kinds:
        planned += [kind] * max(1, round(count * kind.share / total))
    random.Random(seed).shuffle(planned)
    return [(kind, seed + number) for number, kind in enumerate(planned[:count])]


def attempt(kind: Kind, seed: int, folder: Path, reference: Reference) -> Outcome:
    """Does one trial, and removes its folder unless it failed.

    Args:
        kind: The kind.
        seed: The seed.
        folder: The folder in which the trial gets one of its own.
        reference: What nothing was done to.
    """
    own = folder / f"{kind.name.replace(' ', '-')}-{seed}"
    own.mkdir()
    try:
        word = kind.attempt(random.Random(seed), own, reference)
    except FaultError as error:
        return Outcome(kind.name, seed, "", error.fault, error.detail)
    except Exception as error:  # a file that the command wrote cannot be read
        return Outcome(
            kind.name, seed, "", TRACEBACK, f"{type(error).__name__}: {error}"
        )
    shutil.rmtree(own)
    for path in folder.glob(f"{own.name}-*"):
        path.unlink()
    return Outcome(kind.name, seed, word)


def soak(
    planned: Sequence[tuple[Kind, int]], folder: Path, reference: Reference, jobs: int
) -> Iterator[Outcome]:
    """Does trials side by side, and yields how each has ended.

    Args:
        planned: The kinds and the seeds.
        folder: The folder in which they get folders of their own.
        reference: What nothing was done to.
        jobs: How many are done at the same time.
    """
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(attempt, kind, seed, folder, reference)
            for kind, seed in planned
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
