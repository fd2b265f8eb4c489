"""The file from which a run goes on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import keras
import numpy as np

from deepxor.events import written
from deepxor.events.written import WrittenFile
from deepxor.monitor.history import max_records
from deepxor.runs.array_file import (
    ArrayFile,
    ArrayFileError,
    Wanted,
    write_arrays,
)
from deepxor.runs.folder import RunError
from deepxor.xor.checkpoint import plausible
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.diagnosis import WINDOW
from deepxor.xor.monitor.history import ReplicaHistory
from deepxor.xor.network.model import ReplicaNetwork

FILE = "checkpoint.npz"

_FORMAT = 2
_MONITOR = "monitor/"


@dataclass(frozen=True)
class Checkpoint:
    """Holds what a run goes on from.

    Attributes:
        variables: The values of the variables by name, as `variables` names them.
        monitor: The state of the monitor, as `ReplicaHistory.state` returns it.
        elapsed: The seconds of training so far.
        files: What had been written of the run's event files.
    """

    variables: Mapping[str, np.ndarray]
    monitor: Mapping[str, np.ndarray]
    elapsed: float
    files: Sequence[WrittenFile]

    def write(self, run_dir: Path, experiment: Experiment) -> None:
        """Writes the checkpoint, whole or not at all.

        Args:
            run_dir: The run's folder.
            experiment: The settings of the run, to which the checkpoint is tied.

        Raises:
            OSError: If it cannot be written; the checkpoint before stays.
        """
        # The file has numbers only, so the few texts go beside them.
        texts, numbers = _divided(self.monitor)
        about = {
            "format": _FORMAT,
            "settings": experiment.to_json(),
            "elapsed": self.elapsed,
            "files": [astuple(file) for file in self.files],
            "texts": {name: array.tolist() for name, array in texts.items()},
        }
        write_arrays(run_dir / FILE, {**self.variables, **_named(numbers)}, about)


def read(
    run_dir: Path, experiment: Experiment, model: ReplicaNetwork
) -> Checkpoint | None:
    """Reads a run's checkpoint, and checks the event files that it vouches for.

    Args:
        run_dir: The run's folder.
        experiment: The settings of the run.
        model: The model, as built for the experiment.

    Returns:
        The checkpoint, or None if the run has none.

    Raises:
        RunError: If the checkpoint or an event file is not what was written.
    """
    path = run_dir / FILE
    try:
        found = _read(path, experiment, model)
        written.check(run_dir, found.files)
    except FileNotFoundError:
        return None
    except written.DamagedFileError as error:
        raise RunError(
            f"run {run_dir.name!r} is damaged ({error}): remove {path} to start over"
        ) from error
    except (ArrayFileError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"broken {path} ({reason}): remove it to start over") from error
    return found


def remove(run_dir: Path) -> None:
    """Removes the checkpoint of a run that has finished, if it has one.

    Args:
        run_dir: The run's folder.
    """
    (run_dir / FILE).unlink(missing_ok=True)


def variables(model: ReplicaNetwork) -> dict[str, keras.Variable]:
    """Returns the variables that a training changes, by the names in the file.

    Args:
        model: The model.
    """
    weights = {f"weight/{i}": v for i, v in enumerate(model.trainable_variables)}
    state = {f"optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)}
    return {**weights, **state}


def _read(path: Path, experiment: Experiment, model: ReplicaNetwork) -> Checkpoint:
    own = variables(model)
    state = ReplicaHistory(experiment.layer_names, experiment.replicas).state()
    texts, numbers = _divided(state)
    with ArrayFile(path, _wanted(own, numbers)) as file:
        about = file.about()
        if not about:
            raise ArrayFileError("of an older version of deepxor")
        if about.get("format") != _FORMAT:
            raise ArrayFileError("of another version of deepxor")
        if about.get("settings") != experiment.to_json():
            raise ArrayFileError("of a run with other settings")
        arrays = file.arrays()
    monitor = {name: arrays[f"{_MONITOR}{name}"] for name in numbers}
    monitor |= plausible.texts(about.get("texts"), texts)
    found = Checkpoint(
        {name: arrays[name] for name in own},
        monitor,
        plausible.seconds(about.get("elapsed")),
        plausible.files(about.get("files")),
    )
    steps = plausible.check_optimizer(found.variables, own, experiment.num_steps)
    plausible.check_monitor(monitor, experiment, steps)
    return found


def _divided(
    state: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the arrays of texts, and those of numbers."""
    texts = {name: array for name, array in state.items() if array.dtype.kind == "U"}
    return texts, {name: array for name, array in state.items() if name not in texts}


def _named(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{_MONITOR}{name}": array for name, array in state.items()}


def _wanted(
    own: Mapping[str, keras.Variable], empty: Mapping[str, np.ndarray]
) -> dict[str, Wanted]:
    """Returns the arrays of a checkpoint.

    Args:
        own: The variables by name.
        empty: The arrays of the monitor's state before the first record.
    """
    wanted = {
        name: Wanted(np.dtype(variable.dtype), tuple(variable.shape))
        for name, variable in own.items()
    }
    records = max_records(len(empty["first"]))
    for name, array in empty.items():
        if array.shape[:1] == (0,):
            rows = WINDOW if name.startswith("recent") else records
            each = Wanted(array.dtype, array.shape[1:], rows)
        else:
            each = Wanted(array.dtype, array.shape)
        wanted[f"{_MONITOR}{name}"] = each
    return wanted
