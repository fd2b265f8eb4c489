"""Runs, each of which is a folder of the logdir with experiment.json in it.

The process of a run locks the folder for as long as it lives, however it ends. The lock
tells a run that is being trained from one that was killed.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from deepxor.runs.folder import RunError, check_run_name, make_folder, sort_key
from deepxor.runs.json_file import read_json, write_json
from deepxor.runs.lock import FolderLock, is_locked
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
    """

    def __init__(
        self,
        path: Path,
        experiment: Experiment,
        status: str = RUNNING,
        results: dict[str, Any] | None = None,
        lock: FolderLock | None = None,
    ) -> None:
        self.path = path
        self.experiment = experiment
        self.status = status
        self.results = results or {}
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
        """Takes up a run that has not finished.

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
            run.save(RUNNING)
        except OSError as error:
            raise RunError(f"cannot write to {run.path}: {error.strerror}") from error
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
        except FileNotFoundError:
            raise RunError(f"{path.name!r}: no {FILE}") from None
        except OSError as error:
            raise RunError(f"{path.name!r}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{path.name!r}: broken {FILE} ({reason})") from None
        if status == RUNNING and not is_locked(path):
            status = KILLED
        return cls(path, experiment, status, results)

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


# The results that tables and charts read as numbers.
_NUMBERS = ("cost", "accuracy", "first_gradient", "last_gradient", "seconds")


def _check_results(results: dict[str, Any], replicas: int) -> None:
    for key in _NUMBERS:
        if not isinstance(results.get(key), (int, float, type(None))):
            raise ValueError(f"{key} {results[key]!r}")
    solved = results.get("solved")
    if solved is not None and not (isinstance(solved, int) and 0 <= solved <= replicas):
        raise ValueError(f"solved {solved!r} of {replicas}")
    if not isinstance(results.get("verdict"), (str, type(None))):
        raise ValueError(f"verdict {results['verdict']!r}")


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
    if (Path(logdir) / FILE).exists():
        raise RunError(
            f"logdir={os.fspath(logdir)!r} is a run: give the folder that it is in"
        )
    try:
        folders = sorted(
            (path for path in Path(logdir).iterdir() if _may_be_run(path)), key=sort_key
        )
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
    return runs, skipped


def _may_be_run(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


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
    if solved is not None:
        results["solved"] = round(solved * experiment.replicas)
    finite = {
        name: value
        for name, value in results.items()
        if value is not None and math.isfinite(value)
    }
    return {"step": step, **finite}


def _first_gradient(scalars: dict[str, dict[int, float]], layer: str) -> float | None:
    log10 = scalars.get(f"gradient_norm_log10/{layer}", {}).get(0)
    return None if log10 is None else 10**log10
