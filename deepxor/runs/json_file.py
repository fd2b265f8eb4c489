"""The JSON file of a run: its settings and its results, and who wrote them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepxor.runs.atomic import write_atomically
from deepxor.runs.regular_file import check_regular
from deepxor.version import __version__

# The largest size of a file that is read: a run's takes a few thousand bytes.
MAX_BYTES = 2**22

_CHECKSUM = "crc32"


def write_json(path: Path, **fields: Any) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: The path of the file.
        **fields: Values of JSON types by name; None for a number that is not finite.
            The version of deepxor is written before them, and a checksum after them.

    Raises:
        OSError: If the file cannot be written; the old content stays.
    """
    data = {"deepxor": __version__, **fields}
    data[_CHECKSUM] = _checksum(data)
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file, which may be of any type.

    Args:
        path: The path of the file.

    Raises:
        OSError: If the file cannot be read, or is no regular file.
        ValueError: If the file is not JSON, or larger than `MAX_BYTES`.
    """
    check_regular(path)
    with path.open("rb") as file:
        # One byte more than is allowed, whatever size the file is said to have.
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    return parse_json(content)


def is_as_written(content: Mapping[str, Any]) -> bool:
    """Returns whether the content of a file is what `write_json` has written.

    Args:
        content: The content. One without a checksum, as of an earlier version, is.
    """
    data = {name: value for name, value in content.items() if name != _CHECKSUM}
    return content.get(_CHECKSUM) in (None, _checksum(data))


def _checksum(data: Mapping[str, Any]) -> int:
    """Returns the CRC-32 of what a file says, whatever the form and the order."""
    return zlib.crc32(json.dumps(data, sort_keys=True).encode())


def parse_json(content: bytes) -> Any:
    """Returns what a text of JSON says, which may be of any type.

    Args:
        content: The text, UTF-8.

    Raises:
        ValueError: If it is not JSON, such as NaN and Infinity, or nested too deep.
    """
    try:
        return json.loads(content.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
