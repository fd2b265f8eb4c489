"""The JSON file of a run: its settings and its results, and who wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepxor.runs.atomic import write_atomically
from deepxor.version import __version__


def write_json(path: Path, **fields: Any) -> None:
    """Writes the file, whole or not at all.

    Args:
        path: The file's.
        **fields: JSON types, None for what is not finite. The version stands before
            them.

    Raises:
        OSError: If it cannot be written; the old content stays.
    """
    data = {"deepxor": __version__, **fields}
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def read_json(path: Path) -> Any:
    """Returns the content of the file, which may be anything.

    Args:
        path: The file's.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON.
    """
    return json.loads(path.read_text(encoding="utf-8"))
