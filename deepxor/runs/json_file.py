"""The JSON file of a run: its settings and its results, and who wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepxor.runs.atomic import write_atomically
from deepxor.version import __version__


def write_json(path: Path, **fields: Any) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: The path of the file.
        **fields: Values of JSON types by name; None for a number that is not finite.
            The version of deepxor is written before them.

    Raises:
        OSError: If the file cannot be written; the old content stays.
    """
    data = {"deepxor": __version__, **fields}
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file, which may be of any type.

    Args:
        path: The path of the file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is not JSON.
    """
    return json.loads(path.read_text(encoding="utf-8"))
