"""Trains the chunks of a sweep on an engine, whatever becomes of its processes."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, TimeoutError, as_completed

from deepxor.runs.folder import RunError
from deepxor.sweeps.engines.children import interrupts_held
from deepxor.sweeps.engines.pool import Engine, Pool
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.task import Task
from deepxor.sweeps.worker import Row, UnfitWorkerError, failed_rows, train_chunk
from deepxor.version import __version__

# How often a chunk is begun whose process ends, and how often a connection is made.
MAX_LOSSES = 3

# How often an engine's connection is looked at.
CHECK_SECONDS = 1.0

Trained = tuple[Chunk, list[Row]]


class LostError(Exception):
    """Says that chunks were lost, with the connection or the process."""


class LostProcessError(LostError):
    """Says that the process that trained a chunk has ended.

    Args:
        message: The reason.
        chunk: The chunk.
    """

    def __init__(self, message: str, chunk: Chunk) -> None:
        super().__init__(message)
        self.chunk = chunk


def train_chunks(
    task: Task, chunks: Sequence[Chunk], engine: Engine
) -> Generator[Trained, None, None]:
    """Trains chunks, several at once.

    A chunk whose process ends is trained again. If it ends its process each time, its
    networks cannot be trained, and the others go on.

    Args:
        task: The task.
        chunks: The chunks, in the order in which to begin them.
        engine: Where they are trained.

    Yields:
        Every chunk and the rows of its networks, in the order in which they end.

    Raises:
        RunError: If the engine cannot be reached, has another version of deepxor, or
            loses its connection or every chunk again and again.
        KeyboardInterrupt: If Ctrl-C ended the training.
    """
    left = {chunk.number: chunk for chunk in chunks}
    losses: Counter[int] = Counter()
    # Chunks that have ended their process each time. They are given up once another one
    # has been trained, as else it may be the machine that fails.
    hopeless: list[tuple[Chunk, LostError]] = []
    connections, has_trained = 0, False
    while left:
        try:
            with contextlib.closing(
                _train(task, list(left.values()), engine)
            ) as trained:
                for chunk, rows in trained:
                    del left[chunk.number]
                    connections, has_trained = 0, True
                    yield chunk, rows
        except LostProcessError as error:
            number = error.chunk.number
            losses[number] += 1
            if losses[number] == MAX_LOSSES:
                hopeless.append((left.pop(number), error))
            is_all_lost = len(hopeless) == MAX_LOSSES or not left
            if hopeless and is_all_lost and not has_trained:
                raise RunError(f"{engine.loss} ({error})") from None
        except LostError as error:
            connections += 1
            if connections == MAX_LOSSES:
                raise RunError(f"{engine.loss} ({error})") from None
        if has_trained:
            for chunk, loss in hopeless:
                yield chunk, failed_rows(chunk, loss, range(len(chunk.cells)))
            hopeless.clear()


def _train(
    task: Task, chunks: Sequence[Chunk], engine: Engine
) -> Generator[Trained, None, None]:
    with engine.pool(len(chunks)) as pool:
        train = functools.partial(train_chunk, task, version=__version__)
        with interrupts_held():  # as work starts the processes
            futures = pool.submit(train, chunks)
        for future in _as_they_end(futures, pool):
            yield futures[future], _rows(future, futures[future])


def _as_they_end(
    futures: Iterable[Future[list[Row]]], pool: Pool
) -> Iterator[Future[list[Row]]]:
    left = set(futures)
    while left:
        with contextlib.suppress(TimeoutError):
            for future in as_completed(left, CHECK_SECONDS):
                left.remove(future)
                yield future
        if left and pool.is_lost():
            raise LostError("the connection was lost")


def _rows(future: Future[list[Row]], chunk: Chunk) -> list[Row]:
    try:
        return future.result()
    except UnfitWorkerError as error:
        raise RunError(f"a worker {error}") from None
    except ImportError as error:
        raise RunError(f"a worker cannot import deepxor: {error}") from None
    except Exception as error:
        # What fails in the training is in its rows, so that this is the engine's.
        name, text = type(error).__name__, " ".join(str(error).split())[:500]
        # Dask's own error of a chunk that has ended its workers; it may be missing.
        if isinstance(error, BrokenExecutor) or name == "KilledWorker":
            raise LostProcessError(f"{name}: {text}", chunk) from None
        raise LostError(f"{name}: {text}") from None
