"""Files of a run's folder, which may be a remote one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from deepxor.runs.atomic import write_atomically


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, such as gs://, and is no path of this machine."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """Returns the path of a file in a folder, which may be a remote one.

    Args:
        folder: The folder's.
        name: The file's.
    """
    if is_remote(folder):
        return f"{folder.rstrip('/')}/{name}"
    return str(Path(folder) / name)


def make_folder(folder: str) -> None:
    """Makes a folder, local or remote, if it is not there.

    Args:
        folder: Its path.

    Raises:
        OSError: If it cannot be made.
    """
    if is_remote(folder):
        with os_errors():
            tf.io.gfile.makedirs(folder)
    else:
        Path(folder).mkdir(parents=True, exist_ok=True)


def write_text(folder: str, name: str, text: str) -> None:
    """Writes a file of text.

    Args:
        folder: Local, or remote as `tf.io.gfile` takes it.
        name: The file's.
        text: Its content.

    Raises:
        OSError: If it cannot be written.
    """
    path = join(folder, name)
    if is_remote(folder):
        # There, a file can be seen only once it has been closed.
        with os_errors(), tf.io.gfile.GFile(path, "w") as file:
            file.write(text)
    else:
        write_atomically(Path(path), text.encode())


@contextlib.contextmanager
def os_errors() -> Iterator[None]:
    """Turns TensorFlow's errors of a file into an OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
