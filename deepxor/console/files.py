"""Writes the files that a command was asked for, all of them or none."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping

from deepxor.checks import refuse
from deepxor.console.process import SIGNALS


def check_files(paths: Mapping[str, str]) -> None:
    """Checks that files can be written.

    Args:
        paths: The paths by the names of their flags; an empty path is no file.

    Raises:
        ValueError: If a path is a folder, or its folder does not exist, or if two are
            the same file.
    """
    seen: dict[str, str] = {}
    for flag, path in paths.items():
        if not path:
            continue
        folder = os.path.dirname(path) or os.curdir
        if "\0" in path or os.path.isdir(path) or not os.path.isdir(folder):
            refuse(flag, path, "a file in a folder that exists, or empty")
        other = seen.setdefault(os.path.realpath(path), flag)
        if other != flag:
            refuse(flag, path, f"another file than `{other}`, or empty")


def write_files(contents: Mapping[str, bytes]) -> None:
    """Writes files, all of them or none.

    Each is written beside its place, and renamed once all have been written. What is no
    file on a disk, such as a pipe, is written in its place, and first, as that can
    neither be taken back nor may hold up a signal.

    Args:
        contents: The content of each file by its path.

    Raises:
        OSError: If one cannot be written. No file on a disk has changed then.
    """
    files = {}
    for path, content in contents.items():
        with _named(path):
            if _is_file(path):
                files[path] = content
            else:
                _write_in_place(path, content)
    parts: dict[str, str] = {}
    with SIGNALS.held():
        try:
            for path, content in files.items():
                place = os.path.realpath(path)
                parts[place] = f"{place}.part"
                with _named(path):
                    _write_part(place, parts[place], content)
            for place, part in parts.items():
                with _named(place):
                    os.replace(part, place)
        except OSError:
            for part in parts.values():
                with contextlib.suppress(OSError):
                    os.unlink(part)
            raise


def _is_file(path: str) -> bool:
    """Returns whether a path is, or can become, a file that may be replaced."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return True
    return stat.S_ISREG(found.st_mode) and not os.path.samestat(found, os.fstat(1))


def _write_part(place: str, part: str, content: bytes) -> None:
    with open(part, "wb") as file:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(part, stat.S_IMODE(os.stat(place).st_mode))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _write_in_place(path: str, content: bytes) -> None:
    if os.path.samestat(os.stat(path), os.fstat(1)):
        # To open it anew would begin at its start.
        sys.stdout.flush()
        with os.fdopen(1, "wb", closefd=False) as output:
            output.write(content)
        return
    with open(path, "wb") as file:
        file.write(content)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Gives errors the path that the user gave."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
