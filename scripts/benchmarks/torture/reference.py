"""What nothing was done to, with which the trials are compared."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN = "deep-relu"
TRAIN = (
    "--activation=relu", "--num_steps=30001", "--replicas=20", "--log_every=1000",
    "--quiet",
)  # fmt: skip

SWEEP = (
    "--axis=depth=1:2:1", "--axis=activation=relu,tanh", "--width=5", "--replicas=3",
    "--num_steps=501", "--jobs=1", "--run_name=sweep", "--hparams_logdir=", "--quiet",
)  # fmt: skip

Event = tuple[int, str, bytes]


@dataclass(frozen=True)
class Reference:
    """Holds what nothing was done to.

    Attributes:
        logdir: The folder of a run of `TRAIN`.
        events: What its event files say.
        results: Its results, but for the time.
        stopped: The folder of a run of `TRAIN` that was interrupted twice.
        sweep: The rows of a sweep of `SWEEP`, but for the times.
        seconds: The time that a run took, in seconds.
        sweep_seconds: The time that a sweep took, in seconds.
    """

    logdir: Path
    events: list[Event]
    results: dict[str, Any]
    stopped: Path
    sweep: list[dict[str, str]]
    seconds: float
    sweep_seconds: float


def events_of(run_dir: Path) -> list[Event]:
    """Returns what a run's event files say, as TensorBoard reads them.

    Times are left out, and the names in the graph, which Keras counts in a process.
    What a series is stands at its first value in each file, and is left out, too.

    Args:
        run_dir: The run's folder.
    """
    # This import takes seconds.
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    events = []
    for path in sorted(run_dir.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if not value.tag.startswith(("_hparams_", "__run_graph__")):
                    value.ClearField("metadata")
                    events.append((event.step, value.tag, value.SerializeToString()))
    return events


def results_of(run_dir: Path) -> dict[str, Any]:
    """Returns a run's results but for the time; empty if it has not finished.

    Args:
        run_dir: The run's folder.
    """
    content = json.loads((run_dir / "experiment.json").read_text(encoding="utf-8"))
    if content["status"] != "finished":
        return {}
    return {
        name: value for name, value in content["results"].items() if name != "seconds"
    }


def rows_of(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file but for the times.

    Args:
        path: The path of the file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]
