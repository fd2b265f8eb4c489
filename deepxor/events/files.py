"""Files in a run's folder, which may be a local or a remote one."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import tensorflow as tf

from deepxor.events.reader import PATTERN, event_files
from deepxor.runs.atomic import write_atomically


def is_remote(path: str) -> bool:
    """Returns whether a path is remote, that is, has a scheme such as gs://."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """Returns the path of a file in a folder, local or remote.

    Args:
        folder: The path of the folder.
        name: The name of the file.
    """
    if is_remote(folder):
        return f"{folder.rstrip('/')}/{name}"
    return str(Path(folder) / name)


def make_folder(folder: str) -> None:
    """Makes a folder, local or remote, if it does not exist.

    Args:
        folder: The path of the folder.

    Raises:
        OSError: If the folder cannot be made.
    """
    if is_remote(folder):
        with os_errors():
            tf.io.gfile.makedirs(folder)
    else:
        Path(folder).mkdir(parents=True, exist_ok=True)


def event_file_names(folder: str) -> list[str]:
    """Returns the names of the event files in a folder, local or remote, sorted.

    Args:
        folder: The path of the folder, which exists.

    Raises:
        OSError: If the folder cannot be read.
    """
    if is_remote(folder):
        with os_errors():
            return sorted(fnmatch.filter(tf.io.gfile.listdir(folder), PATTERN))
    return [path.name for path in event_files(folder)]


def create(folder: str, name: str) -> BinaryIO:
    """Makes a file in a folder, local or remote, and opens it for writing.

    Args:
        folder: The path of the folder.
        name: The name of the file.

    Raises:
        OSError: If the file cannot be made, or exists and is local.
    """
    path = join(folder, name)
    if not is_remote(folder):
        return Path(path).open("xb")
    with os_errors():
        return cast(BinaryIO, tf.io.gfile.GFile(path, "wb"))


def write_text(folder: str, name: str, text: str) -> None:
    """Writes a text file into a folder, local or remote.

    Args:
        folder: The path of the folder; a remote one is one that `tf.io.gfile` knows.
        name: The name of the file.
        text: The content of the file.

    Raises:
        OSError: If the file cannot be written.
    """
    path = join(folder, name)
    if is_remote(folder):
        # A remote file becomes visible only when it is closed, so it is never a part.
        with os_errors(), tf.io.gfile.GFile(path, "w") as file:
            file.write(text)
    else:
        write_atomically(Path(path), text.encode())


@contextlib.contextmanager
def os_errors() -> Iterator[None]:
    """Raises an OSError in place of an error of TensorFlow in the context."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
