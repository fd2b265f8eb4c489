"""Files that are read only if they are files, as a pipe would block for ever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def check_regular(path: Path) -> int:
    """Checks that a path is that of a regular file, or of a link to one.

    Args:
        path: The path.

    Returns:
        The size of the file in bytes.

    Raises:
        OSError: If it is something else, such as a folder, a pipe or a device, or
            cannot be looked at.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return found.st_size
