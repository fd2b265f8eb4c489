"""Files in a run's folder, which may be a local or a remote one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

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
