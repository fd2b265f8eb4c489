"""Processes that are given what they have compiled already, as far as possible."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.context import SpawnContext

from deepxor.sweeps.engines.children import end_with_parent
from deepxor.sweeps.engines.pool import Train
from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.worker import Row


class Lanes:
    """Hands chunks to processes, to each one those of one kind after the other.

    Chunks of a kind share what is compiled. A process helps another one with its kind
    only if no other kind is left, as it would have to compile it, too.

    Args:
        count: The number of processes.
        context: How they are started.
    """

    def __init__(self, count: int, context: SpawnContext) -> None:
        self._pools = [
            ProcessPoolExecutor(1, context, initializer=end_with_parent)
            for _ in range(count)
        ]
        self._kinds: list[int | None] = [None] * count
        self._left: dict[int, deque[tuple[Chunk, Future[list[Row]]]]] = {}
        self._lock = threading.Lock()

    def submit(
        self, train: Train, chunks: Sequence[Chunk]
    ) -> dict[Future[list[Row]], Chunk]:
        """Begins to train chunks.

        Args:
            train: A function of a chunk that returns its rows, and can be pickled.
            chunks: The chunks, in the order in which to begin them.

        Returns:
            A future for each chunk.
        """
        futures: dict[Future[list[Row]], Chunk] = {Future(): chunk for chunk in chunks}
        for future, chunk in futures.items():
            self._left.setdefault(chunk.kind, deque()).append((chunk, future))
        for lane in range(len(self._pools)):
            self._go_on(lane, train)
        return futures

    def shutdown(self) -> None:
        """Ends the processes once they have trained their present chunks."""
        with self._lock:
            self._left.clear()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def _go_on(self, lane: int, train: Train) -> None:
        """Gives a process its next chunk, if there is one."""
        with self._lock:
            taken = self._take(lane)
        if taken is None:
            return
        chunk, future = taken
        try:
            inner = self._pools[lane].submit(train, chunk)
        except RuntimeError as error:  # it has ended, as BrokenProcessPool says
            future.set_exception(error)
            return
        inner.add_done_callback(functools.partial(self._end, lane, train, future))

    def _end(
        self,
        lane: int,
        train: Train,
        future: Future[list[Row]],
        inner: Future[list[Row]],
    ) -> None:
        if inner.cancelled():
            future.cancel()
            return
        error = inner.exception()
        if error is not None:
            future.set_exception(error)
            return
        future.set_result(inner.result())
        self._go_on(lane, train)

    def _take(self, lane: int) -> tuple[Chunk, Future[list[Row]]] | None:
        if not self._left:
            return None
        kind = self._kinds[lane]
        if kind is None or kind not in self._left:
            free = [each for each in self._left if each not in self._kinds]
            kind = free[0] if free else max(self._left, key=self._waiting)
        self._kinds[lane] = kind
        taken = self._left[kind].popleft()
        if not self._left[kind]:
            del self._left[kind]
        return taken

    def _waiting(self, kind: int) -> int:
        return len(self._left[kind])
