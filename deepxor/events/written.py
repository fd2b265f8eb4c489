"""What a run's event files have to hold, as its checkpoint vouches for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from deepxor.events.reader import event_files
from deepxor.runs.regular_file import check_regular

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class WrittenFile:
    """Holds what had been written of an event file at some moment.

    Attributes:
        name: The name of the file.
        size: The number of bytes.
        checksum: The CRC-32C of these bytes.
    """

    name: str
    size: int
    checksum: int


class DamagedFileError(Exception):
    """Says in one line which event file is not what was written, and why."""


def check(run_dir: Path, written: Sequence[WrittenFile]) -> None:
    """Checks that event files begin with what was written, with no others between.

    Args:
        run_dir: The folder of the files.
        written: What was written.

    Raises:
        DamagedFileError: If a file is missing, is too short or has changed, or there is
            another that readers take before the last of them.
    """
    for file in written:
        try:
            size, checksum = _summed(run_dir / file.name, file.size)
        except FileNotFoundError:
            raise DamagedFileError(f"{file.name} is missing") from None
        except OSError as error:
            reason = f"{file.name} cannot be read ({error.strerror})"
            raise DamagedFileError(reason) from error
        if size < file.size:
            raise DamagedFileError(
                f"{file.name} has {size:,} bytes of {file.size:,} that were written"
            )
        if checksum != file.checksum:
            raise DamagedFileError(
                f"{file.name} has other bytes than those that were written"
            )
    names = {file.name for file in written}
    for path in event_files(run_dir):
        if path.name not in names and path.name < max(names, default=""):
            raise DamagedFileError(f"{path.name} is none of the run's files")


def cut(run_dir: Path, written: Sequence[WrittenFile]) -> None:
    """Removes everything but what was written from a run's event files.

    Args:
        run_dir: The run's folder, to which no process may be writing.
        written: What was written, as `check` has found it.

    Raises:
        OSError: If a file cannot be written.
    """
    sizes = {file.name: file.size for file in written}
    for path in event_files(run_dir):
        if path.name in sizes:
            os.truncate(path, sizes[path.name])
        else:
            path.unlink()


def _summed(path: Path, size: int) -> tuple[int, int]:
    """Returns the size of the beginning of a file, and its CRC-32C."""
    check_regular(path)
    found = checksum = 0
    with path.open("rb") as file:
        while block := file.read(min(_BLOCK_BYTES, size - found)):
            found += len(block)
            checksum = google_crc32c.extend(checksum, block)
    return found, checksum
