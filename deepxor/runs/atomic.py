"""Writes files whole: a reader finds the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file such that a reader finds the old content or the new, never a part.

    The file is on the disk when the function returns, even if the power fails.

    Args:
        path: The path of the file.
        content: The bytes to write.

    Raises:
        OSError: If the file cannot be written; the old content stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Returns when the names in a folder are on the disk, where a system can tell.

    Args:
        folder: The folder.
    """
    # Windows opens no folders, and some network file systems sync none.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
