"""The file of a sweep: one row a network, added chunk by chunk and never changed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepxor.runs.folder import RunError
from deepxor.runs.json_file import read_json, write_json
from deepxor.runs.lock import LOCK_FILE, FolderLock
from deepxor.sweeps.sweep import Chunk, Sweep
from deepxor.sweeps.worker import Row
from deepxor.version import __version__

SETTINGS, NETWORKS = "sweep.json", "networks.csv"
PLACE = ("chunk", "cell", "replica")

# Windows would write line breaks in its own way.
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


class SweepFolder:
    """Reads and writes the folder of a sweep, and locks it for as long as it is open.

    Its file networks.csv has a row for each network. The rows of a chunk are added in
    one write and synced, so that a process that is killed loses the chunks at work and
    nothing else. What a write has left unfinished is cut off when the folder is opened.

    Args:
        path: The folder, which is made if it does not exist.
        sweep: The sweep.

    Attributes:
        path: The folder.
        rows: The rows of all networks that have been trained, or could not be.
        done: The numbers of the chunks whose rows are in the file.
        version: The version of deepxor that began the sweep.

    Raises:
        RunError: If the folder is in use, holds something else or another sweep, or its
            file is damaged.
        OSError: If the folder cannot be read or written.
    """

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path = path
        self._sweep = sweep
        self.rows: list[Row] = []
        self.done: set[int] = set()
        self.version = __version__
        path.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(path)
        if not self._lock.take():
            raise RunError(f"the sweep {path} is being trained by another process")
        try:
            self._check_settings()
            self._descriptor = os.open(path / NETWORKS, _OPEN, 0o666)
            try:
                self._read()
            except BaseException:
                os.close(self._descriptor)
                raise
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> SweepFolder:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)
        self._lock.release()

    @property
    def columns(self) -> dict[str, type]:
        """The columns of networks.csv in their order, with the types of their values.

        Values of axes are texts here, as the cell's number says the same.
        """
        return {
            "chunk": int,
            "cell": int,
            **{axis.name: str for axis in self._sweep.axes},
            "replica": int,
            **self._sweep.task.columns,
            "seconds": float,
            "error": str,
        }

    def append(self, chunk: Chunk, rows: Sequence[Row]) -> None:
        """Adds the rows of a chunk to the file, all of them or none.

        Args:
            chunk: The chunk.
            rows: The rows of its networks, as `worker.train_chunk` returns them.

        Raises:
            OSError: If they cannot be written; the file then is as it was before.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            values = {"chunk": chunk.number, **self._sweep.values[row["cell"]], **row}
            writer.writerow([_text(values.get(name)) for name in self.columns])
        self._write(text.getvalue().encode())
        self.rows += rows
        self.done.add(chunk.number)

    def _write(self, content: bytes) -> None:
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, size)
            path = os.fspath(self.path / NETWORKS)
            raise OSError(error.errno, error.strerror, path) from error

    def _check_settings(self) -> None:
        """Writes the sweep's settings, or compares them with those that are there."""
        file, wanted = self.path / SETTINGS, self._sweep.to_json()
        try:
            content = read_json(file)
            found, self.version = content["settings"], str(content["deepxor"])
        except FileNotFoundError:
            # A process that was killed may have left the half of the settings.
            own = {f"{SETTINGS}.part", LOCK_FILE}
            if {path.name for path in self.path.iterdir()} - own:
                raise RunError(
                    f"{self.path} holds no {SETTINGS}, but other files: remove it, or "
                    "choose another folder"
                ) from None
            write_json(file, settings=wanted)
            return
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{self.path}: broken {SETTINGS} ({reason})") from None
        if found != wanted:
            raise RunError(
                f"{self.path} holds a sweep with other settings: remove it, or choose "
                "another folder"
            )

    def _read(self) -> None:
        with open(self._descriptor, "rb", closefd=False) as file:
            lines = file.read().splitlines(keepends=True)
        header = (",".join(self.columns) + "\n").encode()
        is_unfinished = not lines or (len(lines) == 1 and lines[0] != header)
        if is_unfinished and header.startswith(b"".join(lines)):
            os.ftruncate(self._descriptor, 0)
            self._write(header)
            return
        if lines[0] != header:
            raise RunError(f"{self.path / NETWORKS} has other columns")
        start, place = 1, len(header)
        while start < len(lines):
            end = self._read_chunk(lines, start)
            if end is None:
                os.ftruncate(self._descriptor, place)
                return
            place += sum(map(len, lines[start:end]))
            start = end

    def _read_chunk(self, lines: Sequence[bytes], start: int) -> int | None:
        """Reads the rows of one chunk.

        Args:
            lines: The lines of the file.
            start: The number of the first line of the chunk, from 0.

        Returns:
            The number of the line after the chunk; None if the file ends before its
            end.
        """
        rows: list[Row] = []
        count = 1
        number = -1
        while len(rows) < count:
            place = start + len(rows)
            if place == len(lines):
                return None
            try:
                row = self._parse(lines[place])
            except ValueError as error:
                if place == len(lines) - 1 and not lines[place].endswith(b"\n"):
                    return None
                raise self._damaged(place, str(error)) from None
            if not rows:
                number = row["chunk"]
                if not 0 <= number < len(self._sweep.chunks) or number in self.done:
                    raise self._damaged(place, f"chunk {number}")
                count = len(self._sweep.chunks[number].cells)
            chunk = self._sweep.chunks[number]
            wanted = (number, chunk.cells[len(rows)], chunk.replicas[len(rows)])
            if tuple(row[name] for name in PLACE) != wanted:
                raise self._damaged(place, f"not the network {wanted}")
            rows.append(row)
        if not lines[start + count - 1].endswith(b"\n"):
            return None
        self.rows += rows
        self.done.add(number)
        return start + count

    def _parse(self, line: bytes) -> Row:
        try:
            values = next(csv.reader([line.decode()], strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from None
        if len(values) != len(self.columns):
            raise ValueError(f"{len(values)} values of {len(self.columns)}")
        row = {
            name: kind(value) if value else None if kind is not str else ""
            for (name, kind), value in zip(self.columns.items(), values, strict=True)
        }
        # A network that could not be trained has its place and its reason only.
        needed = PLACE if row["error"] else row
        missing = [name for name in needed if row[name] is None]
        if missing:
            raise ValueError(f"no {missing[0]}")
        return row

    def _damaged(self, place: int, reason: str) -> RunError:
        return RunError(
            f"{self.path / NETWORKS} is damaged at line {place + 1} ({reason}): remove "
            "the lines from there on, and their networks are trained again"
        )


def _text(value: Any) -> str:
    """Returns a value as the file has it; empty for what is not known."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return " ".join(str(value).split())
