"""The engines that train chunks: processes of this machine, or the workers of Dask."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from contextlib import AbstractContextManager
from typing import Any, Protocol

from deepxor.checks import check_at_least, refuse
from deepxor.runs.folder import RunError
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.task import Task
from deepxor.sweeps.worker import OtherVersionError, Row, train_chunk
from deepxor.version import __version__

# A chunk is tried again if the process that trains it ends, but not for ever, as it may
# be the chunk that ends it.
MAX_DEATHS = 3


class Engine(Protocol):
    """Says where chunks are trained."""

    def executor(self) -> AbstractContextManager[Executor]:
        """Returns a context with an executor, whose work is given up on an error."""


class Processes:
    """Trains on this machine, in processes of its own.

    Args:
        jobs: The number of processes; None for one a core.

    Raises:
        ValueError: If `jobs` is below 1.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = len(os.sched_getaffinity(0)) if jobs is None else jobs
        check_at_least("jobs", self.jobs, 1)

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        """Yields a pool of processes, which end with this one."""
        # Processes are spawned, as TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(self.jobs, context, initializer=_start_process)
        try:
            yield pool
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


class Dask:
    """Trains on the workers of a Dask cluster, through its `concurrent.futures`.

    Args:
        address: The address of the scheduler, as in tcp://10.0.0.1:8786; or "local" for
            a cluster of one worker a core on this machine.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        """Yields the executor of a client, which a lost worker does not end.

        Raises:
            RunError: If Dask is not installed, or there is no scheduler.
        """
        try:
            from distributed import Client
        except ImportError:
            raise RunError(
                "--dask needs the package distributed: pip install 'deepxor[dask]'"
            ) from None
        with contextlib.ExitStack() as stack:
            target: Any = self.address
            if target == "local":
                target = stack.enter_context(_local_cluster())
            try:
                kind: Any = Client  # it has no types
                client = stack.enter_context(kind(target, set_as_default=False))
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise RunError(
                    f"no Dask scheduler at {self.address!r}: {reason}"
                ) from None
            yield client.get_executor(pure=False, retries=0)


def choose_engine(jobs: int | None, dask: str | None) -> Engine:
    """Returns the engine that settings ask for.

    Args:
        jobs: The number of processes; None for one a core.
        dask: The address of a Dask scheduler, or "local"; None for processes.

    Raises:
        ValueError: If `jobs` is below 1, or both are given.
    """
    if dask is None:
        return Processes(jobs)
    if jobs is not None:
        refuse("jobs", jobs, "left out with a Dask scheduler, whose workers train")
    return Dask(dask)


def _local_cluster() -> AbstractContextManager[Any]:
    from distributed import LocalCluster

    kind: Any = LocalCluster  # it has no types
    return kind(
        n_workers=len(os.sched_getaffinity(0)),
        threads_per_worker=1,
        dashboard_address=None,
        host="127.0.0.1",
    )


def train_chunks(
    task: Task, chunks: Sequence[Chunk], engine: Engine
) -> Iterator[tuple[Chunk, list[Row]]]:
    """Trains chunks, several at once.

    Args:
        task: The task.
        chunks: The chunks, in the order in which to begin them.
        engine: Where they are trained.

    Yields:
        Every chunk and the rows of its networks, in the order in which they end.

    Raises:
        RunError: If the engine cannot be reached, has another version of deepxor, or
            loses processes again and again.
        KeyboardInterrupt: If Ctrl-C ended the training.
    """
    left = {chunk.number: chunk for chunk in chunks}
    deaths = 0
    while left:
        try:
            with engine.executor() as executor:
                futures = {
                    executor.submit(train_chunk, task, chunk, __version__): chunk
                    for chunk in left.values()
                }
                for future in as_completed(futures):
                    chunk = futures[future]
                    rows = _rows(future, chunk)
                    del left[chunk.number]
                    yield chunk, rows
        except BrokenExecutor:
            deaths += 1
            if deaths == MAX_DEATHS:
                raise RunError(
                    f"a process that trains has ended {deaths} times; if it was for "
                    "lack of memory, try a smaller --jobs"
                ) from None


def _rows(future: Future[list[Row]], chunk: Chunk) -> list[Row]:
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except OtherVersionError as error:
        raise RunError(str(error)) from None
    except ImportError as error:
        raise RunError(f"a worker cannot import deepxor: {error}") from None
    except Exception as error:  # such as Dask's, of a chunk that ends its workers
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
        pairs = zip(chunk.cells, chunk.replicas, strict=True)
        return [
            {"cell": cell, "replica": replica, "seconds": 0.0, "error": reason}
            for cell, replica in pairs
        ]


def _start_process() -> None:
    # Ctrl-C reaches all processes; the parent handles it and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Waits for the process that started this one to end, and then ends this one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
