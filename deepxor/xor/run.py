"""Runs, each of which is a folder of the logdir with experiment.json in it.

The process of a run locks the folder for as long as it lives, however it ends. The lock
tells a run that is being trained from one that was killed.
"""

from __future__ import annotations

import math
import os
import re
import sys
from pathlib import Path
from typing import Any

from deepxor.checks import is_integer
from deepxor.runs.folder import RunError, check_run_name, make_folder, sort_key
from deepxor.runs.json_file import is_as_written, read_json, write_json
from deepxor.runs.lock import FolderLock, is_locked
from deepxor.text import printable
from deepxor.xor.config import Experiment

RUNNING = "running"
FINISHED = "finished"
INTERRUPTED = "interrupted"
KILLED = "killed"  # never written: the file says running, but there is no process
STATUSES = (RUNNING, FINISHED, INTERRUPTED)

FILE = "experiment.json"


class Run:
    """Reads and writes the folder of one run.

    Attributes:
        path: The folder.
        experiment: The settings.
        status: `RUNNING`, `FINISHED` or `INTERRUPTED`; or `KILLED` if the file says
            running and no process holds the lock.
        results: The results by name once the run has ended; before, empty.
        notes: What is to be said of the file, a line for each.
    """

    def __init__(
        self,
        path: Path,
        experiment: Experiment,
        status: str = RUNNING,
        results: dict[str, Any] | None = None,
        lock: FolderLock | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.experiment = experiment
        self.status = status
        self.results = results or {}
        self.notes = notes
        self._lock = FolderLock(path) if lock is None else lock

    @property
    def name(self) -> str:
        """The folder's name, which TensorBoard shows."""
        return self.path.name

    @classmethod
    def create(
        cls, logdir: str | os.PathLike[str], experiment: Experiment, name: str = ""
    ) -> Run:
        """Makes the folder of a new run.

        Args:
            logdir: The folder of the runs, which is made if it does not exist.
            experiment: The settings.
            name: The folder's name; empty for the experiment's, to which -2, -3 ... is
                added if it is taken.

        Returns:
            The run, with its folder locked and its file written.

        Raises:
            ValueError: If the name cannot be that of a folder.
            RunError: If the name is taken or nothing can be written.
        """
        if name:
            check_run_name(name)
        try:
            Path(logdir).mkdir(parents=True, exist_ok=True)
            path, lock = make_folder(
                Path(logdir),
                name,
                experiment.run_name,
                lambda path: cls(path, experiment).save(RUNNING),
            )
        except OSError as error:
            raise RunError(
                f"cannot write to logdir={os.fspath(logdir)!r}: {error.strerror}"
            ) from error
        return cls(path, experiment, lock=lock)

    @classmethod
    def resume(
        cls, logdir: str | os.PathLike[str], experiment: Experiment, name: str = ""
    ) -> Run:
        """Takes up a run that has not finished, and changes nothing of it yet.

        Args:
            logdir: The folder of the runs.
            experiment: The settings, which must be those of the run.
            name: The folder's name; empty for the latest unfinished run of the
                experiment's name.

        Returns:
            The run, with its folder locked.

        Raises:
            ValueError: If the name cannot be that of a folder.
            RunError: If there is no such run, or it has finished, is being trained, or
                has other settings.
        """
        if name:
            check_run_name(name)
        run = cls.load(Path(logdir) / name) if name else _latest(logdir, experiment)
        if run.status == FINISHED:
            raise RunError(f"run {run.name!r} has finished: nothing to resume")
        differing = [
            f"{key}={value!r} (now {experiment.to_json()[key]!r})"
            for key, value in run.experiment.to_json().items()
            if experiment.to_json()[key] != value
        ]
        if differing:
            raise RunError(
                f"run {run.name!r} was started with {', '.join(differing)}: "
                "resume it with the same settings"
            )
        if not run._lock.take():
            raise RunError(f"run {run.name!r} is being trained by another process")
        try:
            # The process that had the lock a moment ago may have finished the run.
            if cls.load(run.path).status == FINISHED:
                raise RunError(f"run {run.name!r} has finished: nothing to resume")
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def load(cls, path: Path) -> Run:
        """Reads a run.

        Args:
            path: The run's folder.

        Returns:
            The run, with its folder not locked.

        Raises:
            RunError: If the folder holds no run or a broken one.
        """
        try:
            data = read_json(path / FILE)
            experiment = Experiment.from_json(data["settings"])
            status, results = data["status"], data["results"]
            if status not in STATUSES or not isinstance(results, dict):
                raise ValueError(f"status {status!r}")
            if status == FINISHED and not results:
                raise ValueError("finished without results")
            _check_results(results, experiment.replicas)
            notes = () if is_as_written(data) else (f"{FILE} has been changed",)
            if status == RUNNING and not is_locked(path):
                status = KILLED
        except FileNotFoundError:
            raise RunError(f"{path.name!r}: no {FILE}") from None
        except OSError as error:
            raise RunError(f"{path.name!r}: {FILE}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunError(f"{path.name!r}: broken {FILE} ({_reason(error)})") from None
        return cls(path, experiment, status, results, notes=notes)

    def save(self, status: str, results: dict[str, Any] | None = None) -> None:
        """Writes experiment.json, whole or not at all.

        Args:
            status: The new status, one of `STATUSES`.
            results: The new results by name, of JSON types; None for a number that is
                not finite.

        Raises:
            OSError: If the file cannot be written.
        """
        self.status = status
        self.results = results or {}
        settings = self.experiment.to_json()
        write_json(
            self.path / FILE, status=status, settings=settings, results=self.results
        )

    def close(self) -> None:
        """Releases the lock of the folder."""
        self._lock.release()


_LARGEST_LOG10 = sys.float_info.max_10_exp

# The results that tables, charts and files show, by what they must be.
_NUMBERS = ("cost", "accuracy", "first_gradient", "last_gradient", "seconds")
_COUNTS = ("steps", "solved")
_TEXTS = ("verdict", "layer", "evidence", "advice", "causes")


def _check_results(results: dict[str, Any], replicas: int) -> None:
    """Raises a ValueError if a result that is shown is not what it must be."""
    for key in _NUMBERS:
        if not _is_number(results.get(key)):
            raise ValueError(f"{key} {_shown(results[key])}")
    for key, most in zip(_COUNTS, (2**63, replicas), strict=True):
        count = results.get(key)
        if count is not None and not is_integer(count, 0, most):
            of = f" of {replicas}" if key == "solved" else ""
            raise ValueError(f"{key} {_shown(count)}{of}")
    for key in _TEXTS:
        if not isinstance(results.get(key), (str, type(None))):
            raise ValueError(f"{key} {_shown(results[key])}")


def _is_number(value: Any) -> bool:
    """Returns whether a value is None, or a number that a float can be."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    # An integer of JSON may be larger than any float.
    return -sys.float_info.max <= value <= sys.float_info.max


def _shown(value: Any) -> str:
    return printable(repr(value), 60)


def _reason(error: Exception) -> str:
    """Returns what is wrong with a file in one line."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, KeyError):
        return f"no {error}"
    return printable(" ".join(str(error).split()), 300)


def find_runs(logdir: str | os.PathLike[str]) -> tuple[list[Run], dict[str, str]]:
    """Reads all runs of a logdir.

    Args:
        logdir: The folder of the runs' folders.

    Returns:
        The runs, sorted by name; and for every other folder, by its name, a line that
        says why it is not a run.

    Raises:
        RunError: If the logdir cannot be listed, or is itself a run.
    """
    # Path.exists raises an error where a folder cannot be looked into.
    if os.path.exists(Path(logdir) / FILE):
        raise RunError(
            f"logdir={os.fspath(logdir)!r} is a run: give the folder that it is in"
        )
    try:
        folders = sorted((Path(entry) for entry in _folders(logdir)), key=sort_key)
    except OSError as error:
        raise RunError(
            f"cannot read logdir={os.fspath(logdir)!r}: {error.strerror}"
        ) from error
    runs, skipped = [], {}
    for path in folders:
        try:
            runs.append(Run.load(path))
        except RunError as error:
            skipped[path.name] = str(error)
        except Exception as error:
            # Nothing is known to get here, but a folder may hold anything, and what it
            # costs must not be the other runs.
            reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
            skipped[path.name] = f"{path.name!r}: {FILE} cannot be read ({reason})"
    return runs, skipped


def _folders(logdir: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """Returns the folders in a folder, and links to folders, but for hidden ones."""
    with os.scandir(logdir) as entries:
        return [
            entry
            for entry in entries
            if _is_folder(entry) and not entry.name.startswith(".")
        ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or one into a closed folder
        return True


def _latest(logdir: str | os.PathLike[str], experiment: Experiment) -> Run:
    runs, _ = find_runs(logdir)
    pattern = re.escape(experiment.run_name) + r"(-\d+)?"
    unfinished = [
        run
        for run in runs
        if run.status != FINISHED and re.fullmatch(pattern, run.name)
    ]
    if not unfinished:
        raise RunError(
            f"no unfinished run {experiment.run_name!r} in {os.fspath(logdir)!r}: "
            "start one without --resume"
        )
    return unfinished[-1]


def unfinished_results(
    experiment: Experiment, scalars: dict[str, dict[int, float]]
) -> dict[str, Any]:
    """Returns the latest record of a run that is being trained, or was killed.

    Args:
        experiment: The settings of the run.
        scalars: The values by tag and step, as `events.reader.read_run` returns them.

    Returns:
        The step of the record as "step", and those of the results in experiment.json
        that a record has; empty if there is no record yet.
    """
    steps = scalars.get("cost", {})
    if not steps:
        return {}
    step = max(steps)
    first, last = experiment.layer_names[0], experiment.layer_names[-1]
    results = {
        "cost": scalars["cost"][step],
        "accuracy": scalars.get("accuracy", {}).get(step),
        "first_gradient": _first_gradient(scalars, first),
        "last_gradient": _first_gradient(scalars, last),
    }
    solved = scalars.get("solved", {}).get(step)
    # An event file may hold anything under this tag.
    if solved is not None and 0 <= solved <= 1:
        results["solved"] = round(solved * experiment.replicas)
    finite = {
        name: value
        for name, value in results.items()
        if value is not None and math.isfinite(value)
    }
    return {"step": step, **finite}


def _first_gradient(scalars: dict[str, dict[int, float]], layer: str) -> float | None:
    log10 = scalars.get(f"gradient_norm_log10/{layer}", {}).get(0)
    # A damaged or foreign value may be the logarithm of no float.
    return 10**log10 if log10 is not None and log10 < _LARGEST_LOG10 else None
