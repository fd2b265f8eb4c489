"""A file of arrays that is believed only if it is what was written, NumPy's .npz."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepxor.runs.atomic import write_atomically
from deepxor.runs.json_file import parse_json
from deepxor.runs.regular_file import check_regular

# The members beside the arrays: JSON, and the SHA-256 of everything else.
_ABOUT, _DIGEST = "about", "digest"

# What a member takes at most beside its numbers: its names and headers.
_MEMBER_BYTES = 2**11


class ArrayFileError(ValueError):
    """Says in one line why a file of arrays cannot be believed."""


@dataclass(frozen=True)
class Wanted:
    """Says which array a file has to have.

    Attributes:
        dtype: The type.
        shape: The shape.
        max_rows: None; or the largest length of another axis, in front of the shape,
            of any length.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    max_rows: int | None = None

    @property
    def max_bytes(self) -> int:
        """The largest size of the array in bytes."""
        rows = 1 if self.max_rows is None else self.max_rows
        return rows * math.prod(self.shape) * self.dtype.itemsize

    def check(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Checks the type and the shape of an array.

        Args:
            name: The name of the array, for the message.
            dtype: Its type.
            shape: Its shape.

        Raises:
            ArrayFileError: If it is another array.
        """
        rest = shape
        if self.max_rows is not None:
            rows, rest = shape[:1], shape[1:]
            if not rows or not 0 <= rows[0] <= self.max_rows:
                rest = (-1,)
        if dtype != self.dtype or rest != self.shape:
            raise ArrayFileError(f"{name!r} is {dtype} {list(shape)}")


_TEXT = Wanted(np.dtype(np.uint8), (), max_rows=2**20)
_SUM = Wanted(np.dtype(np.uint8), (hashlib.sha256().digest_size,))


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Writes arrays with a checksum over all of them, whole or not at all.

    Args:
        path: The path of the file.
        arrays: The arrays by name, of numbers or bools.
        about: What else is known, of JSON types.

    Raises:
        OSError: If the file cannot be written; the old content stays.
    """
    text = json.dumps(about, allow_nan=False).encode()
    members = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    members[_ABOUT] = np.frombuffer(text, np.uint8)
    members[_DIGEST] = _digest(members)
    content = io.BytesIO()
    np.savez(content, **members)  # type: ignore[arg-type]
    write_atomically(path, content.getvalue())


class ArrayFile:
    """Reads a file of arrays whose types and shapes are known beforehand.

    It is a context. Nothing is read before its size has been compared with what it has
    to be, so that no file takes more memory than the arrays that are wanted. Python's
    reader of archives raises errors of a dozen classes for broken ones; all become an
    `ArrayFileError` where the context ends.

    Args:
        path: The path of the file.
        wanted: The arrays by name.

    Raises:
        OSError: If the file cannot be opened.
        ArrayFileError: If it is too large for what is wanted.
    """

    def __init__(self, path: Path, wanted: Mapping[str, Wanted]) -> None:
        size = check_regular(path)
        members = [*wanted.values(), _TEXT, _SUM]
        if size > sum(each.max_bytes + _MEMBER_BYTES for each in members):
            raise ArrayFileError(f"{size:,} bytes")
        self._wanted = wanted
        self._file = path.open("rb")

    def __enter__(self) -> ArrayFile:
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = {info.filename: info for info in self._zip.infolist()}
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, ArrayFileError):
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ArrayFileError(reason[:200]) from error

    def about(self) -> dict[str, Any]:
        """Returns what the file says of its arrays, which `arrays` has yet to check.

        It is empty if the file says nothing, as those that NumPy writes.
        """
        if f"{_ABOUT}.npy" not in self._members:
            return {}
        found = parse_json(self._read(_ABOUT, _TEXT).tobytes())
        if not isinstance(found, dict):
            raise ArrayFileError(f"{_ABOUT!r} is a {type(found).__name__}")
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays by name.

        Raises:
            ArrayFileError: If the file has other arrays, or not what was written.
        """
        self._check_names({*self._wanted, _ABOUT, _DIGEST})
        found = {name: self._read(name, each) for name, each in self._wanted.items()}
        about = self._read(_ABOUT, _TEXT)
        digest = self._read(_DIGEST, _SUM)
        if not np.array_equal(_digest({**found, _ABOUT: about}), digest):
            raise ArrayFileError("wrong checksum")
        return found

    def _check_names(self, names: set[str]) -> None:
        files = {f"{name}.npy" for name in names}
        for what, others in (
            ("no", files - self._members.keys()),
            ("an unknown", self._members.keys() - files),
        ):
            if others:
                raise ArrayFileError(f"{what} member {min(others)[:100]!r}")

    def _read(self, name: str, wanted: Wanted) -> np.ndarray:
        info = self._members.get(f"{name}.npy")
        if info is None:
            raise ArrayFileError(f"no member {name!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise ArrayFileError(f"{name!r} is compressed or encrypted")
        with self._zip.open(info) as file:
            shape, is_fortran, dtype = _header(file)
            wanted.check(name, dtype, shape)
            if is_fortran and len(shape) > 1:
                raise ArrayFileError(f"{name!r} is in Fortran order")
            size = math.prod(shape) * dtype.itemsize
            # One more byte, so that the end is reached and the archive's own checksum
            # is compared.
            content = file.read(size + 1)
        if len(content) != size:
            raise ArrayFileError(f"{name!r} has {len(content):,} bytes of {size:,}")
        return np.frombuffer(content, dtype).reshape(shape)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # what NumPy writes for the types that are wanted
        raise ArrayFileError(f"version {version}")
    with warnings.catch_warnings():
        # NumPy warns of headers that Python 2 has written.
        warnings.simplefilter("error")
        return np.lib.format.read_array_header_1_0(file)


def _digest(members: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the SHA-256 of arrays, their names, types and shapes, uint8 [32]."""
    digest = hashlib.sha256()
    for name in sorted(members):
        array = members[name]
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
