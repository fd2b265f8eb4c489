"""Prints the commands, in one line each."""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

import ast
from pathlib import Path

from deepxor.console import app
from deepxor.version import __version__

COMMANDS = ("train", "compare", "explain", "images", "sweep", "playground")


def command_lines() -> list[str]:
    """Returns a line for each command, with how to call it and what it does."""
    folder = Path(__file__).parent
    width = max(map(len, COMMANDS))
    lines = []
    for name in COMMANDS:
        # The source is read and not imported, as each command defines flags, some of
        # which have the same names.
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        doc = ast.get_docstring(ast.parse(source)) or ""
        lines.append(f"python -m deepxor.{name:{width}}  {doc.splitlines()[0]}")
    return lines


def main() -> int:
    """Prints the version and a line for each command, and returns the exit status."""
    print(f"deepxor {__version__}. Commands, each of which has --help:")
    print("\n".join(command_lines()))
    return 0


if __name__ == "__main__":
    app.call(main)
