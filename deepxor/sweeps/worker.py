"""What a process that trains chunks does, wherever it runs."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from deepxor import quiet
from deepxor.runs.folder import RunError
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.task import Task
from deepxor.text import printable
from deepxor.version import __version__

# Keras keeps state of the process, so that chunks are trained one after the other even
# if a worker of Dask has several threads.
_one_at_a_time = threading.Lock()

Row = dict[str, Any]


class UnfitWorkerError(Exception):
    """Says what is wrong with a process, which then trains nothing of the sweep."""


def train_chunk(task: Task, chunk: Chunk, version: str) -> list[Row]:
    """Trains the networks of a chunk.

    If that fails, each cell's networks are trained for themselves, so that one that
    cannot be trained does not take the others along.

    Args:
        task: The task.
        chunk: The chunk.
        version: The version of deepxor that began the sweep.

    Returns:
        A row for each network: "cell", "replica", the results of `task.columns`,
        "seconds", its share of the time, and "error", a line that says why it could not
        be trained, or empty.

    Raises:
        UnfitWorkerError: If this process has another version of deepxor, has used
            TensorFlow for something else, lacks a package, or cannot read or write.
    """
    if version != __version__:
        raise UnfitWorkerError(
            f"has deepxor {__version__}, and the sweep was begun with {version}: "
            "install the same version on all workers"
        )
    with _one_at_a_time:
        prepare(task.threads)
        places = range(len(chunk.cells))
        try:
            return _train(task, chunk, places)
        except UnfitWorkerError:
            raise
        except Exception as error:
            if len(set(chunk.cells)) == 1:
                return failed_rows(chunk, error, places)
        rows: dict[int, Row] = {}
        for cell in dict.fromkeys(chunk.cells):
            own = [i for i in places if chunk.cells[i] == cell]
            try:
                found = _train(task, chunk, own)
            except UnfitWorkerError:
                raise
            except Exception as error:
                found = failed_rows(chunk, error, own)
            rows |= dict(zip(own, found, strict=True))
        return [rows[i] for i in places]


@functools.cache
def prepare(threads: int) -> None:
    """Loads TensorFlow in a process that trains.

    Args:
        threads: The threads that work on one operation, and the operations at a time;
            0 for one a core.

    Raises:
        UnfitWorkerError: If TensorFlow is in use with other threads.
    """
    # TensorFlow reports an error, and goes on, if it cannot fuse a leaky ReLU.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        quiet.load_tensorflow(threads)
    except RuntimeError as error:
        raise UnfitWorkerError(
            f"has used TensorFlow before, with other threads: {error}"
        ) from None
    import tensorflow as tf

    # TensorFlow warns of functions that are traced often, as those of many models are.
    tf.get_logger().setLevel("ERROR")


def _train(task: Task, chunk: Chunk, places: Sequence[int]) -> list[Row]:
    # Copies of the last network fill the chunk up to the size of what is compiled.
    padded = [*places, *[places[-1]] * (chunk.size - len(places))]
    begin = time.perf_counter()
    experiments = [chunk.experiments[i] for i in padded]
    try:
        results = task.train(experiments, [chunk.replicas[i] for i in padded])
    except (ImportError, OSError, RunError) as error:
        # It is the machine that fails, and another time may not.
        name, text = type(error).__name__, " ".join(str(error).split())
        raise UnfitWorkerError(f"cannot train: {name}: {text}") from None
    seconds = (time.perf_counter() - begin) / len(places)
    return [
        {**_place(chunk, i), **result, "seconds": seconds, "error": ""}
        for i, result in zip(places, results, strict=False)
    ]


def failed_rows(chunk: Chunk, error: Exception, places: Sequence[int]) -> list[Row]:
    """Returns the rows of networks that could not be trained.

    Args:
        chunk: The chunk.
        error: Why they could not be.
        places: The numbers of the networks in the chunk.
    """
    text = printable(" ".join(str(error).split()))[:500]
    reason = f"{type(error).__name__}: {text}"
    return [{**_place(chunk, i), "seconds": 0.0, "error": reason} for i in places]


def _place(chunk: Chunk, i: int) -> Row:
    return {"cell": chunk.cells[i], "replica": chunk.replicas[i]}
