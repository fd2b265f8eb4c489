"""The records of a TFRecord file, which an event file is, written and read.

A record is its length (8 bytes), the checksum of the length (4 bytes), the content, and
the checksum of the content (4 bytes). The checksums are CRC-32C, masked as TensorFlow
masks them. TensorBoard's own loader imports TensorFlow, which takes three seconds, or
computes checksums in Python, which takes a minute for a hundred runs.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

# No record is as long: a picture, the largest thing in an event file, is a few MB. So a
# damaged or a hostile file cannot fill the memory.
MAX_RECORD_BYTES = 2**28

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")


class BrokenFileError(ValueError):
    """Says where and why a file cannot be read any further.

    Args:
        place: The number of the byte at which the unreadable record begins.
        reason: Why it cannot be read, such as "wrong checksum".
        is_cut: Whether the file merely ends inside of the record, as it does while the
            record is being written, or if its process was killed.
    """

    def __init__(self, place: int, reason: str, is_cut: bool = False) -> None:
        super().__init__(f"{reason} at byte {place:,}")
        self.place = place
        self.is_cut = is_cut


class RecordWriter:
    """Writes records to a file, and knows how much it has written.

    Args:
        file: The file, which is open, empty and closed by `close`.

    Attributes:
        size: The number of bytes that have been written.
        checksum: Their CRC-32C.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = self.checksum = 0

    def write(self, record: bytes) -> None:
        """Writes a record such that every process can read it.

        Args:
            record: The content.

        Raises:
            OSError: If it cannot be written.
        """
        framed = frame(record)
        self._file.write(framed)
        self._file.flush()
        self.size += len(framed)
        self.checksum = google_crc32c.extend(self.checksum, framed)

    def sync(self) -> None:
        """Returns when all records are on the disk; for local files only.

        Raises:
            OSError: If they cannot be written.
        """
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def frame(record: bytes) -> bytes:
    """Returns a record as it is in the file.

    Args:
        record: The content.
    """
    size = struct.pack("<Q", len(record))
    return b"".join(
        (_HEAD.pack(len(record), _masked(size)), record, _TAIL.pack(_masked(record)))
    )


def read_records(path: Path) -> Iterator[bytes]:
    """Yields the records of a file, each of which has been compared with its checksum.

    Args:
        path: The path of the file.

    Raises:
        OSError: If the file cannot be read.
        BrokenFileError: If it cannot be read any further, after the records before.
    """
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size
        place = 0
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise BrokenFileError(place, "unfinished record", is_cut=True)
            size, checksum = _HEAD.unpack(head)
            if _masked(head[:8]) != checksum:
                raise BrokenFileError(place, "wrong checksum")
            if size > MAX_RECORD_BYTES:
                raise BrokenFileError(place, f"record of {size:,} bytes")
            # No memory is reserved for a record that is longer than the file.
            left = max(whole, os.fstat(file.fileno()).st_size) - place
            if size + _HEAD.size + _TAIL.size > left:
                raise BrokenFileError(place, "unfinished record", is_cut=True)
            record, tail = file.read(size), file.read(_TAIL.size)
            if len(record) < size or len(tail) < _TAIL.size:
                raise BrokenFileError(place, "unfinished record", is_cut=True)
            if _masked(record) != _TAIL.unpack(tail)[0]:
                raise BrokenFileError(place, "wrong checksum")
            yield record
            place += size + _HEAD.size + _TAIL.size


def _masked(content: bytes) -> int:
    """Returns the checksum as TensorFlow's record writer masks it."""
    checksum = google_crc32c.value(content)
    rotated = (checksum >> 15) | (checksum << 17)
    return (rotated + 0xA282EAD8) & 0xFFFFFFFF
