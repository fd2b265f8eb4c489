"""Writes the files that a command was asked for, all of them or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
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
    begun: list[_Replacement] = []
    with SIGNALS.held():
        try:
            for path, content in files.items():
                with _named(path):
                    begun.append(_Replacement(os.path.realpath(path)))
                    begun[-1].write(content)
            for path, replacement in zip(files, begun, strict=True):
                with _named(path):
                    replacement.commit()
        except OSError:
            for replacement in begun:
                replacement.undo()
            raise
        finally:
            for replacement in begun:
                replacement.clean()


class _Replacement:
    """Replaces one file, or makes it, such that it can be undone.

    Args:
        place: The path of the file, which is no link.

    Raises:
        OSError: If nothing can be written beside the file. Other methods raise it, too.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        # A folder, whose name nobody has, for the new content and the old one.
        self._folder = tempfile.mkdtemp(prefix=".deepxor-", dir=os.path.dirname(place))
        self._new = os.path.join(self._folder, "new")
        self._old = os.path.join(self._folder, "old")
        self._is_done = False

    def write(self, content: bytes) -> None:
        """Writes the new content, beside the file."""
        with open(self._new, "xb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(self._new, stat.S_IMODE(os.stat(self._place).st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def commit(self) -> None:
        """Puts the new content into the place of the old one, which is kept."""
        if os.path.exists(self._place):
            try:
                os.link(self._place, self._old)
            except OSError:  # not every file system has such links
                shutil.copy2(self._place, self._old)
        os.replace(self._new, self._place)
        self._is_done = True

    def undo(self) -> None:
        """Puts the old content back, if the new one has taken its place."""
        if not self._is_done:
            return
        if os.path.exists(self._old):
            os.replace(self._old, self._place)
        else:
            os.unlink(self._place)

    def clean(self) -> None:
        """Removes what is left beside the file."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _is_file(path: str) -> bool:
    """Returns whether a path is, or can become, a file that may be replaced."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return True
    return stat.S_ISREG(found.st_mode) and not os.path.samestat(found, os.fstat(1))


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
