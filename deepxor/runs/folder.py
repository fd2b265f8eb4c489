"""The folders of runs in a logdir: their names, and how they are made."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deepxor.checks import refuse
from deepxor.runs.atomic import sync_folder
from deepxor.runs.lock import FolderLock, is_locked

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=,@-]{0,199}")

# The beginning of the names of unfinished folders, which is that of no run's name.
_HIDDEN = ".new-"

_HOUR = 3600.0


class RunError(Exception):
    """Says in one line for the user why a run cannot be made, resumed or read."""


def check_run_name(name: str) -> None:
    """Checks that a name can be that of a folder in any logdir.

    Args:
        name: The name.

    Raises:
        ValueError: If it is too long or has other letters.
    """
    if not _NAME.fullmatch(name):
        refuse(
            "run_name",
            name,
            "up to 200 letters, digits and any of _ . + = , @ -, the first a letter, "
            "digit or _",
        )


def sort_key(path: Path) -> tuple[str, int]:
    """Returns a key that sorts run-2 before run-10, and run before both.

    Args:
        path: A run's folder.

    Returns:
        The folder's name without its number, and the number; 0 if there is none.

    Example:
        >>> paths = [Path("run-10"), Path("run-2"), Path("run")]
        >>> [path.name for path in sorted(paths, key=sort_key)]
        ['run', 'run-2', 'run-10']
    """
    numbered = re.fullmatch(r"(.*)-(\d{1,9})", path.name, re.DOTALL)
    return (numbered[1], int(numbered[2])) if numbered else (path.name, 0)


def _candidates(name: str, default: str) -> Iterator[str]:
    if name:
        yield name
        return
    yield default
    for number in itertools.count(2):
        yield f"{default}-{number}"


def make_folder(
    logdir: Path, name: str, default: str, fill: Callable[[Path], None]
) -> tuple[Path, FolderLock]:
    """Makes the folder of a new run, which appears with all that is to be in it.

    It is made under a hidden name, locked and filled, and then gets its own name. If an
    empty folder has a name, it is free, too.

    Args:
        logdir: The folder in which it is made.
        name: The folder's name; empty for the default name.
        default: The default name, to which -2, -3 ... is added if it is taken.
        fill: A function that writes the files into the folder at a path.

    Returns:
        The path of the folder, and its lock, which has been taken.

    Raises:
        RunError: If `name` is taken.
        OSError: If the folder cannot be made or filled; nothing of it is left.
    """
    _remove_unfinished(logdir)
    part = logdir / f"{_HIDDEN}{secrets.token_hex(8)}"
    part.mkdir()
    lock = FolderLock(part)
    try:
        lock.take()
        fill(part)
        for candidate in _candidates(name, default):
            if _rename(lock, logdir / candidate):
                return logdir / candidate, lock
        raise RunError(
            f"run_name={name!r} is taken in {os.fspath(logdir)!r}: choose another, "
            "or --resume"
        )
    except BaseException:
        lock.release()
        shutil.rmtree(part, ignore_errors=True)
        raise


def _rename(lock: FolderLock, path: Path) -> bool:
    """Renames a locked folder if the name is free, and returns whether it was."""
    if os.path.lexists(path) and not _is_empty_folder(path):
        return False
    try:
        is_locked = lock.rename(path)
    except OSError:
        # Another process may have been faster.
        if os.path.lexists(path):
            return False
        raise
    if not is_locked:
        raise RunError(f"run {path.name!r} is being trained by another process")
    sync_folder(path.parent)
    return True


def _is_empty_folder(path: Path) -> bool:
    try:
        return not any(path.iterdir())
    except OSError:  # it is no folder, or cannot be read
        return False


def _remove_unfinished(logdir: Path) -> None:
    """Removes what processes have left that were killed while they made a folder."""
    for path in logdir.glob(f"{_HIDDEN}*"):
        with contextlib.suppress(OSError):
            is_old = time.time() - path.stat().st_mtime > _HOUR
            if is_old and not is_locked(path):
                shutil.rmtree(path)
