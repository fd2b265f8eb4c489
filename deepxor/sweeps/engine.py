"""The engines that train chunks: processes of this machine, or the workers of Dask."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    TimeoutError,
    as_completed,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from deepxor.checks import check_at_least, refuse
from deepxor.runs.folder import RunError
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.task import Task
from deepxor.sweeps.worker import Row, UnfitWorkerError, train_chunk
from deepxor.version import __version__

# Chunks are tried again if what trains them is lost, but not for ever, as it may be a
# chunk that ends its process.
MAX_LOSSES = 3

# How long Dask may take to answer, and how often its connection is looked at.
CONNECT_SECONDS, CHECK_SECONDS = 10.0, 1.0

# Who writes log lines about what this module handles, with tracebacks.
DASK_LOGGERS = ("distributed", "distributed.client", "tornado.application", "asyncio")


@dataclass(frozen=True)
class Pool:
    """Holds what trains chunks.

    Attributes:
        executor: The executor.
        is_lost: A function that returns whether futures may never end.
    """

    executor: Executor
    is_lost: Callable[[], bool]


class Engine(Protocol):
    """Says where chunks are trained."""

    @property
    def loss(self) -> str:
        """What has happened if chunks are lost, to be said to the user."""

    def pool(self, most: int) -> AbstractContextManager[Pool]:
        """Returns a context with a pool, whose work is given up on an error.

        Args:
            most: The number of chunks, as more processes would have no work.

        Raises:
            RunError: If there can be no pool.
        """


class LostError(Exception):
    """Says that a chunk was lost with the process that trained it."""


class Processes:
    """Trains on this machine, in processes of its own.

    Args:
        jobs: The number of processes; None for one a core.

    Raises:
        ValueError: If `jobs` is below 1.
    """

    loss = (
        "a process that trains ended again and again; if it was for lack of memory, "
        "try a smaller --jobs"
    )

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = len(os.sched_getaffinity(0)) if jobs is None else jobs
        check_at_least("jobs", self.jobs, 1)

    @contextlib.contextmanager
    def pool(self, most: int) -> Iterator[Pool]:
        """Yields a pool of processes, which end with this one."""
        # Processes are spawned, as TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(self.jobs, context, initializer=_end_with_parent)
        try:
            yield Pool(pool, lambda: False)
        except BaseException:
            _kill_children(others)
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

    @property
    def loss(self) -> str:
        """What has happened if chunks are lost, to be said to the user."""
        return f"workers of the Dask scheduler at {self.address!r} are lost"

    @contextlib.contextmanager
    def pool(self, most: int) -> Iterator[Pool]:
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
        kind: Any = Client  # it has no types
        with contextlib.ExitStack() as stack:
            stack.enter_context(_silenced(DASK_LOGGERS))
            try:
                target: Any = self.address
                if target == "local":
                    target = stack.enter_context(_local_cluster(most))
                else:
                    _check_scheduler(target)
                client = kind(target, timeout=CONNECT_SECONDS, set_as_default=False)
            except Exception as error:  # also of a server that is none of Dask's
                reason = " ".join(str(error).split()) or "no answer"
                raise RunError(
                    f"no Dask scheduler at {self.address!r}: {reason}"
                ) from None
            stack.enter_context(client)
            connection = client.scheduler_comm

            def is_lost() -> bool:
                # A client that has connected again does not know its futures.
                is_same = client.scheduler_comm is connection
                return client.status != "running" or not is_same or connection.closed()

            yield Pool(client.get_executor(pure=False, retries=0), is_lost)


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


@contextlib.contextmanager
def _local_cluster(most: int) -> Iterator[Any]:
    from distributed import LocalCluster

    kind: Any = LocalCluster  # it has no types
    others = set(multiprocessing.active_children())
    with _interrupts_held():
        cluster = kind(
            n_workers=min(len(os.sched_getaffinity(0)), most),
            threads_per_worker=1,
            host="127.0.0.1",
            # Any free port, and no dashboard at it.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        try:
            yield cluster
        except BaseException:
            for nanny in cluster.workers.values():
                nanny.auto_restart = False
            _kill_children(others)
            raise


def _kill_children(others: Collection[BaseProcess]) -> None:
    """Kills the processes that this one has started, which may have long chunks.

    Args:
        others: Those that are left alone.
    """
    for process in set(multiprocessing.active_children()) - set(others):
        process.kill()


def _check_scheduler(address: str) -> None:
    """Connects to a scheduler, as a client that cannot does not end for long.

    Raises:
        Exception: Of any kind, if there is no scheduler at the address.
    """
    from distributed import Security, core

    library: Any = core  # it has no types

    async def greet() -> None:
        kind: Any = Security
        arguments = kind().get_connection_args("client")
        connecting = library.connect(address, CONNECT_SECONDS, **arguments)
        comm = await asyncio.wait_for(connecting, CONNECT_SECONDS + 1)
        comm.abort()

    # In a thread, as a notebook's own one has a loop that runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(greet())).result()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Lets processes that are started meanwhile take no Ctrl-C, not even at first.

    It reaches all processes of a terminal. This one handles it, and ends the others.
    """
    # Python's own helper unblocks signals when it starts, so that comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _silenced(names: Sequence[str]) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def train_chunks(
    task: Task, chunks: Sequence[Chunk], engine: Engine
) -> Generator[tuple[Chunk, list[Row]], None, None]:
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
    for _ in range(MAX_LOSSES):
        try:
            with engine.pool(len(left)) as pool:
                submit = pool.executor.submit
                with _interrupts_held():  # as work starts the processes
                    futures = {
                        submit(train_chunk, task, chunk, __version__): chunk
                        for chunk in left.values()
                    }
                for future in _as_they_end(futures, pool):
                    chunk = futures[future]
                    rows = _rows(future)
                    del left[chunk.number]
                    yield chunk, rows
            return
        except LostError as error:
            reason = str(error)
    raise RunError(f"{engine.loss} ({reason})")


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


def _rows(future: Future[list[Row]]) -> list[Row]:
    try:
        return future.result()
    except UnfitWorkerError as error:
        raise RunError(f"a worker {error}") from None
    except ImportError as error:
        raise RunError(f"a worker cannot import deepxor: {error}") from None
    except Exception as error:
        # What fails in the training is in its rows, so that this is the engine's.
        reason = " ".join(str(error).split())[:500]
        raise LostError(f"{type(error).__name__}: {reason}") from None


def _end_with_parent() -> None:
    """Ends this process, in a thread, once the one that started it has ended."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
