"""The engine of many machines: the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from deepxor.runs.folder import RunError
from deepxor.sweeps.engines.children import core_count, interrupts_held, kill_children
from deepxor.sweeps.engines.pool import Pool, Train
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.worker import Row

# How long Dask may take to answer.
CONNECT_SECONDS = 10.0

# Who writes log lines about what this module handles, with tracebacks.
DASK_LOGGERS = ("distributed", "distributed.client", "tornado.application", "asyncio")


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
                "Dask needs the package distributed: pip install 'deepxor[dask]'"
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

            executor = client.get_executor(pure=False, retries=0)

            def submit(
                train: Train, chunks: Sequence[Chunk]
            ) -> dict[Future[list[Row]], Chunk]:
                return {executor.submit(train, chunk): chunk for chunk in chunks}

            yield Pool(submit, is_lost)


@contextlib.contextmanager
def _local_cluster(most: int) -> Iterator[Any]:
    from distributed import LocalCluster

    kind: Any = LocalCluster  # it has no types
    others = set(multiprocessing.active_children())
    with interrupts_held():
        cluster = kind(
            n_workers=min(core_count(), most),
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
            kill_children(others)
            raise


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
