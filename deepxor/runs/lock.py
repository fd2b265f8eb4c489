"""The lock of a run's folder, which lives as long as its process."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# The file that is locked where a folder itself cannot be, that is, on Windows.
LOCK_FILE = ".lock"

_HAS_FLOCK = importlib.util.find_spec("fcntl") is not None


class FolderLock:
    """Locks a folder, which tells a run that is being trained from a killed one.

    Args:
        path: The folder, which must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._release: Callable[[], None] | None = None

    def take(self) -> bool:
        """Takes the lock, until `release` or the end of the process, however it ends.

        Returns:
            Whether the lock was free and has been taken.

        Raises:
            OSError: If the folder cannot be opened.
        """
        self._release = _lock(self._path)
        if self._release is None:
            time.sleep(0.1)  # `is_locked` holds the lock for a moment
            self._release = _lock(self._path)
        return self._release is not None

    def rename(self, path: Path) -> bool:
        """Renames the folder, whose lock has been taken.

        Args:
            path: The new path, at which there is nothing or an empty folder.

        Returns:
            Whether the lock is still held, which it always is but on Windows: there a
            folder with an open file cannot be renamed, and another process may be
            faster.

        Raises:
            OSError: If the folder cannot be renamed.
        """
        if _HAS_FLOCK:
            os.rename(self._path, path)
            self._path = path
            return True
        self.release()
        os.rename(self._path, path)
        self._path = path
        return self.take()

    def release(self) -> None:
        """Releases the lock, if it was taken."""
        if self._release is not None:
            self._release()
            self._release = None


def is_locked(path: Path) -> bool:
    """Returns whether a process holds the lock of a folder.

    Args:
        path: The folder.

    Raises:
        OSError: If the folder cannot be opened.
    """
    if not _HAS_FLOCK and not (path / LOCK_FILE).exists():
        return False
    release = _lock(path, is_shared=True)
    if release is not None:
        release()
    return release is None


def _lock(path: Path, is_shared: bool = False) -> Callable[[], None] | None:
    """Returns a function that releases the lock, or None if the lock is taken."""
    return _lock_folder(path, is_shared) if _HAS_FLOCK else _lock_file(path)


def _lock_folder(path: Path, is_shared: bool) -> Callable[[], None] | None:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no locks of folders")
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    try:
        kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return lambda: os.close(descriptor)


def _lock_file(path: Path) -> Callable[[], None] | None:
    import filelock

    # A lock may be released by another thread than the one that has taken it.
    lock = filelock.FileLock(path / LOCK_FILE, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    return lock.release
