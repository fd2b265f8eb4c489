"""Trials of commands that are ended before they are through."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from scripts.benchmarks.torture.process import Ended, run
from scripts.benchmarks.torture.reference import (
    RUN,
    SWEEP,
    TRAIN,
    Reference,
    events_of,
    results_of,
    rows_of,
)
from scripts.benchmarks.torture.trial import LOST, SILENT, FaultError

_DAY = 86_400.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def kill(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Kills a run up to three times, each time with another clock, and resumes it."""
    kills = 0
    while not _is_finished(folder):
        if kills == 3:
            _train(chance, folder).check(0)
        else:
            after = chance.uniform(0, reference.seconds)
            _train(chance, folder, signal.SIGKILL, after)
            kills += 1
    _compare(folder, reference)
    return f"{kills} kills"


def stop(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Sends a run SIGINT or SIGTERM, and resumes it."""
    number = chance.choice(_SIGNALS)
    ended = _train(chance, folder, number, chance.uniform(0, reference.seconds))
    if not ended.is_too_early:
        ended.check(0, 128 + number)
    if not _is_finished(folder):
        _train(chance, folder).check(0)
    _compare(folder, reference)
    return "stopped" if ended.status else "finished before"


def sweep(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Kills or stops a sweep up to twice, and takes it up again."""
    arguments = [*SWEEP, f"--logdir={folder}"]
    times = chance.randint(1, 2)
    for _ in range(times):
        number = chance.choice((signal.SIGKILL, *_SIGNALS))
        after = chance.uniform(0, reference.sweep_seconds)
        ended = run("deepxor.sweep", arguments, number, after)
        if number != signal.SIGKILL and not ended.is_too_early:
            ended.check(0, 128 + number)
    run("deepxor.sweep", arguments).check(0)
    if rows_of(folder / "sweep" / "networks.csv") != reference.sweep:
        raise FaultError(LOST, "networks.csv has other rows")
    if not (folder / "sweep" / "cells.csv").exists():
        raise FaultError(LOST, "there is no cells.csv")
    return f"{times} ends"


def crowd(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Starts six runs at the same moment."""
    code = (
        "import sys; from deepxor.xor.run import *\n"
        "sys.stdin.readline()\n"
        "run = Run.create(sys.argv[1], Experiment(activation='relu'))\n"
        "run.save(FINISHED, {'cost': 1.0}); print(run.name)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, os.fspath(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    names = set()
    for process in processes:
        output, errors = process.communicate()
        Ended(process.returncode, output, errors, None).check(0)
        names.add(output.strip())
    expected = {RUN, *(f"{RUN}-{number}" for number in range(2, 7))}
    if names != expected or {path.name for path in folder.iterdir()} != expected:
        raise FaultError(LOST, f"names {sorted(names)}")
    return "six names"


def full_disk(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Trains where files can have so many bytes only, and then where there is room."""
    most = int(10 ** chance.uniform(0, 6.2))
    ended = run("deepxor.train", _arguments(folder), most_bytes=most)
    ended.check(0, 1)
    if not _is_finished(folder):
        _train(chance, folder).check(0)
    _compare(folder, reference)
    return "full" if ended.status else "room enough"


def _train(
    chance: random.Random,
    folder: Path,
    number: signal.Signals | None = None,
    after: float = 0.0,
) -> Ended:
    """Starts or resumes a run, with a clock that may be wrong, and may end it."""
    offset = chance.choice((0.0, chance.uniform(-400 * _DAY, 400 * _DAY)))
    return run("deepxor.train", _arguments(folder), number, after, offset)


def _arguments(folder: Path) -> list[str]:
    """Returns the arguments that start a run, or resume the one that there is."""
    resume = ["--resume"] if (folder / RUN).exists() else []
    return [*TRAIN, f"--logdir={folder}", *resume]


def _is_finished(folder: Path) -> bool:
    return (folder / RUN).exists() and bool(results_of(folder / RUN))


def _compare(folder: Path, reference: Reference) -> None:
    """Checks that a run ended as if nothing had been done to it."""
    hidden = {path.name for path in folder.iterdir() if path.name.startswith(".new-")}
    names = {path.name for path in folder.iterdir()} - hidden
    if names != {RUN}:
        raise FaultError(LOST, f"the logdir has {sorted(names)}")
    if results_of(folder / RUN) != reference.results:
        raise FaultError(SILENT, "the run has other results")
    events = events_of(folder / RUN)
    if events != reference.events:
        steps = {step for step, *_ in reference.events} - {step for step, *_ in events}
        detail = f"{len(events)} values of {len(reference.events)}, without {steps}"
        raise FaultError(LOST, detail)
