"""The table of the default command: where its time goes."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from deepxor import quiet
from deepxor.xor.config import Experiment
from deepxor.xor.run import Run
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.clock import Clock
from scripts.benchmarks.speed.timing.process import in_new_process, output_of
from scripts.benchmarks.speed.timing.rounds import in_turns

EXPERIMENT = Experiment(activation="relu")
ARGUMENTS = ("-m", "deepxor.train", "--activation=relu")

STAGES = (
    "start of Python, flags",
    "TensorFlow: import, list of devices",
    "Keras, TensorBoard, deepxor: import",
    "build, trace, compile: to the end of the first batch",
    "training, with all records",
    "results, closing the files",
    "end of Python",
)


def report(folder: Path, rounds: int) -> Report:
    """Measures the command, and the stages of its work.

    Args:
        folder: The folder for logdirs.
        rounds: The number of rounds.

    Returns:
        A report with a row for the whole, for two parts of it, and for each stage.
    """
    measures: dict[str, Callable[[], Any]] = {
        "command": partial(time_command, folder),
        "import": time_import,
        "stages": partial(time_stages, folder),
    }
    times = in_turns("the command", measures, rounds)
    command, tensorflow = times["command"], times["import"]
    rest = [a - b for a, b in zip(command, tensorflow, strict=True)]
    rows = [
        ("wall time", number_text(median(command))),
        ("of it import tensorflow, by itself", number_text(median(tensorflow))),
        ("the rest", number_text(median(rest))),
    ]
    for name, seconds in zip(STAGES, zip(*times["stages"], strict=True), strict=True):
        rows.append((f"stage: {name}", number_text(median(seconds))))
    return Report(
        f"python {' '.join(ARGUMENTS)}",
        ("", "s"),
        rows,
        "The stages are those of the same training in a process of its own.",
    )


def time_command(folder: Path) -> float:
    """Returns the seconds of the command, which writes below `folder`."""
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        begin = time.perf_counter()
        output_of([sys.executable, *ARGUMENTS, f"--logdir={logdir}"])
        return time.perf_counter() - begin


def time_import() -> float:
    """Returns the seconds of `import tensorflow`, inside a new process."""
    code = (
        "import time; begin = time.perf_counter(); import tensorflow; "
        "print(time.perf_counter() - begin)"
    )
    # TensorFlow's log lines would stand between those of progress.
    return float(output_of([sys.executable, "-c", code], stderr=subprocess.DEVNULL))


def time_stages(folder: Path) -> list[float]:
    """Returns the seconds of each of `STAGES` of the training in a new process."""
    begin = time.perf_counter()
    # Linux counts all processes' time.perf_counter from the same moment.
    moments = [begin, *in_new_process(partial(_stage_ends, folder))]
    moments.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(moments)]


def _stage_ends(folder: Path) -> list[float]:
    """Returns the moments at which all stages but the last end."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        run = Run.create(logdir, EXPERIMENT)
        quiet.load_tensorflow()
        tensorflow = time.perf_counter()
        from deepxor.console.train import train_on_console  # noqa: F401, as the command
        from deepxor.xor.train import train

        imported = time.perf_counter()
        clock = Clock()
        if train(run, [clock.callback()]) is not None:
            raise KeyboardInterrupt
        closed = time.perf_counter()
    return [started, tensorflow, imported, clock.first, clock.end, closed]
