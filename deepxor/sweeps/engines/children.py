"""The processes that this one starts: none takes Ctrl-C, and all can be ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess


def core_count() -> int:
    """Returns the number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Lets processes that are started meanwhile take no Ctrl-C, not even at first.

    It reaches all processes of a terminal. This one handles it, and ends the others.
    """
    if sys.platform == "win32":  # it has no masks of signals
        yield
        return
    # Python's own helper unblocks signals when it starts, so that comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill_children(others: Collection[BaseProcess]) -> None:
    """Kills the processes that this one has started, which may have long chunks.

    Args:
        others: Those that are left alone.
    """
    for process in set(multiprocessing.active_children()) - set(others):
        process.kill()


def end_with_parent() -> None:
    """Ends this process, in a thread, once the one that started it has ended."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
