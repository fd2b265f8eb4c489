"""The names of runs' folders in a logdir."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepxor.checks import refuse

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=,@-]{0,199}")


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


def make_folder(logdir: Path, name: str, default: str) -> Path:
    """Makes the folder of a new run.

    Args:
        logdir: The folder in which it is made.
        name: The folder's name; empty for the default name.
        default: The default name, to which -2, -3 ... is added if it is taken.

    Returns:
        The path of the folder.

    Raises:
        RunError: If `name` is taken.
        OSError: If the folder cannot be made.
    """
    for candidate in _candidates(name, default):
        try:
            (logdir / candidate).mkdir()
        except FileExistsError:
            continue
        return logdir / candidate
    raise RunError(
        f"run_name={name!r} is taken in {os.fspath(logdir)!r}: choose another, "
        "or --resume"
    )
