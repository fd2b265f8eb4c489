"""The runs of a logdir as plain rows, for a table, a file or a report."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepxor.checks import is_integer
from deepxor.events.gradient_flow import exactly_zero, not_recorded
from deepxor.events.reader import (
    GradientFlow,
    RunEvents,
    event_files,
    event_folders,
    read_run,
)
from deepxor.report.run import ReportRun
from deepxor.report.significance import Comparison, compare_rates
from deepxor.runs.folder import RunError
from deepxor.statistics import wilson_interval
from deepxor.text import printable, printable_lines
from deepxor.xor.run import FILE, FINISHED, Run, find_runs, unfinished_results

# The tags that the report needs; a run has fifty times as many other scalars.
BANDS = ("cost", "cost/p10", "cost/p90")
LOSSES = ("loss", "batch_loss", "epoch_loss")
TAGS = (*BANDS, *LOSSES, "accuracy", "solved")

FOREIGN = "monitored"

# The results of experiment.json that are shown.
_RESULTS = (
    "steps", "solved", "diverged", "dead", "cost", "accuracy", "first_gradient",
    "last_gradient", "verdict", "layer", "evidence", "advice", "causes", "seconds",
)  # fmt: skip


def read_logdir(
    logdir: str | os.PathLike[str], pattern: str = "", with_events: bool = True
) -> tuple[list[ReportRun], list[str]]:
    """Reads the runs of a logdir.

    Args:
        logdir: The folder of the runs' folders.
        pattern: A regular expression; only runs in whose name it is found are read.
        with_events: Whether curves and gradients are needed. Otherwise the event files
            of runs that have finished are not read.

    Returns:
        The runs of the XOR laboratory, sorted by name, and then the folders of a
        `GradientMonitor`; and for every other folder a line that says why it is
        neither.

    Raises:
        RunError: If the logdir cannot be listed, or is itself a run.
    """
    wanted = re.compile(pattern)
    runs, skipped = find_runs(logdir)
    reading, closed = _Reading(), dict[str, str]()
    found = [
        reading.run(run.name, partial(_lab_run, run, with_events))
        for run in runs
        if wanted.search(run.name)
    ]
    foreign = [
        reading.run(name, partial(_monitored_run, path, name))
        for name, path in _monitored(Path(logdir), closed)
        if wanted.search(name)
    ]
    skipped = {**closed, **skipped}
    # A folder with event files is listed for these, and not for the file it lacks.
    seen = {part for name in reading.names for part in _with_parents(name)}
    lines = [
        line
        for name, line in skipped.items()
        if wanted.search(name)
        and (name not in seen or os.path.lexists(Path(logdir) / name / FILE))
    ]
    shown = [run for run in (*found, *foreign) if run is not None]
    return _with_own_names(shown), [
        printable(line) for line in (*lines, *reading.lines)
    ]


class UnreadableFolderError(Exception):
    """Says why a folder is not shown."""


class _Reading:
    """Reads folder by folder, so that none can keep the others from being shown.

    Attributes:
        names: The names of all folders that were read, shown or not.
        lines: A line for each folder that is not shown.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.lines: list[str] = []

    def run(self, name: str, read: Callable[[], ReportRun]) -> ReportRun | None:
        """Returns a run with texts that can be printed; None if it cannot be read."""
        self.names.append(name)
        try:
            return _with_printable_texts(read())
        except UnreadableFolderError as error:
            reason = str(error)
        except MemoryError:
            reason = "too large to be read"
        except Exception as error:
            # Nothing is known to get here. A folder may hold anything, though, and
            # what it costs must not be the other runs.
            reason = f"cannot be read ({type(error).__name__}: {error})"
        self.lines.append(f"{name!r}: {reason}")
        return None


def _with_printable_texts(run: ReportRun) -> ReportRun:
    """Returns a run without a text that would harm a terminal, a file or a page."""
    row = {column: _printable_value(value) for column, value in run.row.items()}
    settings = {name: _printable_value(value) for name, value in run.settings.items()}
    return replace(
        run,
        name=row["run"],
        row=row,
        settings=settings,
        remark=printable(run.remark),
        notes=tuple(map(printable, run.notes)),
    )


def _with_own_names(runs: Sequence[ReportRun]) -> list[ReportRun]:
    """Returns runs of which no two have the same printable name."""
    taken: set[str] = set()
    found = []
    for run in runs:
        name, number = run.name, 1
        while name in taken:
            number += 1
            name = f"{run.name} ({number})"
        taken.add(name)
        found.append(replace(run, name=name, row={**run.row, "run": name}))
    return found


def _printable_value(value: Any) -> Any:
    return printable_lines(value) if isinstance(value, str) else value


def solved_comparisons(
    runs: Sequence[ReportRun], baseline: str = ""
) -> list[Comparison]:
    """Compares the solved rates of the runs that have finished with a baseline's.

    Runs that differ in their seeds only are taken together. Runs with the same seed,
    too, train the same networks, so that only the one with the most replicas counts.
    Runs without a solved rate, such as those of a `GradientMonitor`, are left out.

    Args:
        runs: The runs of a logdir.
        baseline: The name of a run, or a regular expression that is found in it; the
            first such run is the baseline. Empty for the first run whose activation is
            sigmoid, or else the first run.

    Returns:
        A comparison for each rate but the baseline's; empty if there are fewer than two
        rates of at least two networks.

    Raises:
        RunError: If `baseline` is that of no run with a rate.
    """
    groups: dict[str, list[ReportRun]] = {}
    counts: dict[str, tuple[int, int]] = {}
    for members in _same_but_seed(runs):
        trials = sum(run.row["replicas"] for run in members)
        if trials > 1:
            name = " + ".join(run.name for run in members)
            groups[name] = members
            counts[name] = (sum(run.row["solved"] for run in members), trials)
    if not counts and not baseline:
        return []
    return compare_rates(counts, _baseline(groups, baseline))


def _same_but_seed(runs: Sequence[ReportRun]) -> list[list[ReportRun]]:
    """Returns the finished runs that have a solved rate, in groups of equal settings.

    The seed does not count as a setting; of each seed there is one run in a group.
    """
    groups: dict[tuple[Any, ...], dict[Any, ReportRun]] = {}
    for run in runs:
        if run.row["status"] != FINISHED or run.row["solved"] is None:
            continue
        key = tuple(
            repr(value)
            for name, value in run.settings.items()
            if name not in ("seed", "replicas", "log_every")
        )
        seeds = groups.setdefault(key, {})
        seed = run.settings.get("seed")
        if seed not in seeds or run.row["replicas"] > seeds[seed].row["replicas"]:
            seeds[seed] = run
    return [list(seeds.values()) for seeds in groups.values()]


def _baseline(groups: Mapping[str, Sequence[ReportRun]], baseline: str) -> str:
    """Returns the name of the group that all others are compared with."""

    def first(is_wanted: Callable[[ReportRun], object]) -> str | None:
        found = (
            name for name, members in groups.items() if any(map(is_wanted, members))
        )
        return next(found, None)

    if not baseline:
        sigmoid = first(lambda run: run.settings.get("activation") == "sigmoid")
        return sigmoid or next(iter(groups))
    # A name may have letters that mean something else in a regular expression.
    named = first(lambda run: run.name == baseline)
    matching = named or first(lambda run: re.search(baseline, run.name))
    if matching is None:
        raise RunError(
            f"baseline={baseline!r} matches no finished run with a solved rate"
        )
    return matching


def _lab_run(run: Run, with_events: bool) -> ReportRun:
    remark = "" if run.status == FINISHED else run.status
    needs_events = with_events or not run.results
    events = read_run(run.path, _tags(run)) if needs_events else RunEvents()
    # A file may have further results, and some of other names than these.
    results = {name: run.results.get(name) for name in _RESULTS}
    if not run.results:
        results = unfinished_results(run.experiment, events.scalars)
        if results:
            results["steps"] = results.pop("step") + 1
            remark = f"{run.status} at step {results['steps'] - 1}"
        else:
            remark = f"{run.status}, no record"
    known = {name: value for name, value in results.items() if value is not None}
    results = {**events.diagnosis, **known}
    names = run.experiment.layer_names
    row = _row(run.name, run.status, {
        "first_layer": names[0], "last_layer": names[-1], **results,
        "replicas": run.experiment.replicas,
    })  # fmt: skip
    settings = run.experiment.to_json()
    settings["initializer"] = run.experiment.initial_weights
    settings["hidden_units"] = ", ".join(map(str, run.experiment.hidden))
    for name in ("depth", "width", "weight_variance", "bias_variance"):
        del settings[name]  # the two above say it
    # The files of a run that has not finished may end inside of a record.
    unfinished = events.unfinished if run.status == FINISHED else ()
    notes = (*run.notes, *events.damage, *unfinished)
    if with_events and run.status == FINISHED and not event_files(run.path):
        notes = (*notes, "no event files")
    return ReportRun(run.name, row, settings, remark, events, notes)


def _tags(run: Run) -> tuple[str, ...]:
    names = run.experiment.layer_names
    gradients = (f"gradient_norm_log10/{name}" for name in (names[0], names[-1]))
    return (*TAGS, *gradients)


def _row(name: str, status: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row, the values of a run by column, one of `export.COLUMNS`."""
    row: dict[str, Any] = {"run": name, "status": status, "solved": None}
    row |= results
    for count in ("diverged", "dead"):
        # A file may hold something else, and one of an older version lacks the latter.
        if not is_integer(row.get(count), 0, row["replicas"] or 0):
            row[count] = None
    if row["solved"] is not None:
        low, high = wilson_interval(row["solved"], row["replicas"])
        row |= {"solved_low": low, "solved_high": high}
    first, last = row.get("first_gradient"), row.get("last_gradient")
    if first and last and first > 0 and last > 0:
        # The ratio of the two may be too large or too small for a float.
        row["decades"] = math.log10(last) - math.log10(first)
    return row


def _monitored(root: Path, closed: dict[str, str]) -> list[tuple[str, Path]]:
    """Returns name and path of the folders with event files and no experiment.json.

    Adds to `closed` a line for each folder that cannot be looked into, by its name.
    """

    def name_of(path: Path) -> str:
        return path.relative_to(root).as_posix()

    def note(error: OSError) -> None:
        name = name_of(Path(error.filename))
        closed[name] = f"{name!r}: {error.strerror}"

    return [
        (name_of(path), path)
        for path in event_folders(root, note)
        # Even a link to nowhere says that the folder is not one of a monitor.
        if not os.path.lexists(path / FILE)
    ]


def _monitored_run(path: Path, name: str) -> ReportRun:
    """Reads a folder with event files that is not a run of the XOR laboratory."""
    events = read_run(path, TAGS)
    if events.flow is None:
        reasons = ("event files without a readable gradient flow", *events.damage)
        raise UnreadableFolderError("; ".join(reasons))
    notes = events.damage
    if "solved" in events.scalars:  # only the laboratory writes it
        notes = (*notes, f"{FILE} is missing")
    return ReportRun(name, _flow_row(name, events), events=events, notes=notes)


def _flow_row(name: str, events: RunEvents) -> dict[str, Any]:
    flow = events.flow
    assert flow is not None
    results: dict[str, Any] = {
        "steps": int(flow.steps[-1]) + 1,
        "first_step": int(flow.steps[0]),
        "first_layer": flow.layers[0],
        "last_layer": flow.layers[-1],
        "replicas": None,
        **events.diagnosis,
    }
    for key, layer in (("first_gradient", 0), ("last_gradient", -1)):
        results[key] = _first_norm(flow, layer)
    costs = ((tag, "cost") for tag in ("cost", *LOSSES))
    for tag, key in (*costs, ("accuracy", "accuracy")):
        values = list(events.scalars.get(tag, {}).values())
        if values and key not in results and math.isfinite(values[-1]):
            results[key] = values[-1]
    return _row(name, FOREIGN, results)


def _first_norm(flow: GradientFlow, layer: int) -> float | None:
    """Returns the norm at the first record that has the layer; None if not finite."""
    record = int((~not_recorded(flow.tables)[:, layer]).argmax())
    if exactly_zero(flow.tables)[record, layer]:
        return 0.0
    with np.errstate(over="ignore"):
        norm = float(10.0 ** flow.quantities["norm_log10"][record, layer])
    return norm if math.isfinite(norm) else None


def _with_parents(name: str) -> set[str]:
    path = Path(name)
    return {part.as_posix() for part in (path, *path.parents)}
