"""Trials of files that are not what was written."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

import numpy as np

from scripts.benchmarks.torture.damage import damage
from scripts.benchmarks.torture.process import Ended, run
from scripts.benchmarks.torture.reference import (
    RUN,
    TRAIN,
    Reference,
    events_of,
    results_of,
)
from scripts.benchmarks.torture.trial import SILENT, FaultError


def events(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Damages an event file of an interrupted run, and resumes it."""
    path = shutil.copytree(reference.stopped, folder / RUN)
    file = chance.choice(sorted(path.glob("events.out.tfevents.*")))
    way = damage(chance, file)
    return f"{way}: {_resume(path, reference)}"


def checkpoint(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Damages a checkpoint or makes up another, and resumes its run."""
    path = shutil.copytree(reference.stopped, folder / RUN)
    file = path / "checkpoint.npz"
    way = chance.choice(("damage", "value", "shape", "member", "packed"))
    if way == "damage":
        way = damage(chance, file)
    else:
        with np.load(file) as found:
            arrays = dict(found)
        name = chance.choice(sorted(arrays))
        if way == "value":
            flat = np.array(arrays[name]).reshape(-1)
            if flat.size:
                flat[chance.randrange(flat.size)] = chance.choice((0, 1, 77))
            arrays[name] = flat.reshape(arrays[name].shape)
        elif way == "shape":
            arrays[name] = np.zeros((3, 10 ** chance.randrange(6)), arrays[name].dtype)
        elif way == "member":
            del arrays[name]
        save = np.savez_compressed if way == "packed" else np.savez
        save(file, **arrays)
    return f"{way}: {_resume(path, reference)}"


def finished(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Damages any file of a finished run, and compares it with one that is well."""
    for name in (RUN, f"{RUN}-2"):
        shutil.copytree(reference.logdir / RUN, folder / name)
    file = chance.choice(sorted((folder / f"{RUN}-2").iterdir()))
    before = file.read_bytes()
    way = damage(chance, file)
    is_changed = not file.exists() or file.read_bytes() != before
    ended, rows = compare(folder, folder / "report")
    if rows.get(RUN) is None:
        raise FaultError(SILENT, "the other run has no row")
    said = [line for line in ended.output.splitlines() if f"{RUN}-2'" in line]
    if said or not is_changed:
        return f"{way}: said"
    # Such as a space in the one file, and each event twice in the other.
    row = rows.get(f"{RUN}-2")
    is_same = row is not None and {**row, "run": RUN} == rows[RUN]
    events = set(events_of(file.parent))
    if not is_same or events != set(reference.events):
        raise FaultError(SILENT, f"{way} of {file.name} is not said")
    return f"{way}: the same"


def compare(logdir: Path, out: Path) -> tuple[Ended, dict[str, dict[str, str]]]:
    """Compares the runs of a logdir, with all of its outputs.

    Args:
        logdir: The logdir.
        out: The path of the outputs without their endings; none is in the logdir.

    Returns:
        How the command ended, and the rows of its table by the name of the run.

    Raises:
        FaultError: If it did not end well, or a file cannot be read.
    """
    out = logdir.parent / f"{logdir.name}-{out.name}"
    outputs = [f"--{kind}={out}.{kind}" for kind in ("html", "csv", "json")]
    ended = run("deepxor.compare", [str(logdir), *outputs])
    ended.check(0)
    with out.with_name(f"{out.name}.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    return ended, rows


def _resume(path: Path, reference: Reference) -> str:
    """Resumes a run, which goes on as it would have, or is left as it is."""
    before = _content(path)
    ended = run("deepxor.train", [*TRAIN, f"--logdir={path.parent}", "--resume"])
    ended.check(0, 1)
    if ended.status:
        if _content(path) != before:
            raise FaultError(SILENT, "the run was refused, and changed")
        return "refused"
    if results_of(path) != reference.results:
        raise FaultError(SILENT, "the run has other results")
    if events_of(path) != reference.events:
        raise FaultError(SILENT, "the run has other events")
    return "resumed"


def _content(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}
