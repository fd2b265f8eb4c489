"""The lock of a run's folder, which lives as long as its process."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class FolderLock:
    """Locks a folder, which tells a run that is being trained from a killed one.

    Args:
        path: The folder, which must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Takes the lock, until `release` or the end of the process, however it ends.

        Returns:
            Whether the lock was free and has been taken.

        Raises:
            OSError: If the folder cannot be opened.
        """
        self._descriptor = _lock(self._path, fcntl.LOCK_EX)
        if self._descriptor is None:
            time.sleep(0.1)  # `is_locked` holds the lock for a moment
            self._descriptor = _lock(self._path, fcntl.LOCK_EX)
        return self._descriptor is not None

    def release(self) -> None:
        """Releases the lock, if it was taken."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Returns whether a process holds the lock of a folder.

    Args:
        path: The folder.

    Raises:
        OSError: If the folder cannot be opened.
    """
    descriptor = _lock(path, fcntl.LOCK_SH)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def _lock(path: Path, kind: int) -> int | None:
    """Returns the descriptor that holds a lock on a folder, or None if it is taken."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
