"""Writes into docs/flags.md the flags of every command of the package.

For example: .venv/bin/python -m scripts.pages.flags
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from deepxor.__main__ import COMMANDS
from deepxor.console import app
from scripts.pages.marked import replaced

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "flags.md"

# What absl calls the type of a flag -> what a reader is told.
_TYPES = {
    "bool": "true or false",
    "comma separated list of strings": "names with commas between",
    "float": "a number",
    "int": "an integer",
    "multi string": "text, given once or more",
    "string": "text",
}


def flags_table(command: str) -> str:
    """Returns the flags of a command as a Markdown table.

    Args:
        command: One of `deepxor.__main__.COMMANDS`.
    """
    # In a process of its own: no two commands with a flag of the same name fit in one.
    done = subprocess.run(
        [sys.executable, "-m", f"deepxor.{command}", "--helpxml"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = ElementTree.fromstring(done.stdout).iter("flag")
    rows = [_row(flag) for flag in found if flag.findtext("key") == "yes"]
    header = ["| flag | default | allowed | what it is |", "|---|---|---|---|"]
    return "\n".join([*header, *rows]) + "\n"


def _row(flag: ElementTree.Element) -> str:
    choices = [choice.text or "" for choice in flag.iter("enum_value")]
    meaning = flag.findtext("meaning", "")
    if choices:
        # Of such a flag, absl puts the choices before what the program says.
        meaning = meaning.removeprefix(f"<{'|'.join(choices)}>: ")
        allowed = ", ".join(f"`{choice}`" for choice in choices)
    else:
        allowed = _TYPES[flag.findtext("type", "")]
    default = flag.findtext("default", "").removeprefix("None")
    return (
        f"| `--{flag.findtext('name')}` | {f'`{default}`' if default else ''} | "
        f"{allowed} | {_escaped(meaning)} |"
    )


def _escaped(text: str) -> str:
    """Returns a text in one line, of which Markdown takes nothing for its own."""
    text = " ".join(text.split())
    for character, name in (("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        text = text.replace(character, name)
    return text


def updated(document: str) -> str:
    """Returns a document with the flags of every command between their markers.

    Args:
        document: Markdown; it has the markers of each command once, as in
            `<!-- flags-train: begin -->`.

    Raises:
        ValueError: If it has not.
    """
    for command in COMMANDS:
        document = replaced(document, f"flags-{command}", flags_table(command))
    return document


def main(argv: Sequence[str]) -> int:
    """Writes the flags into the document."""
    app.check_no_arguments(argv)
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(updated(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    app.run(main)
