"""Runs the lesson in both languages and writes its notebooks, pages and pictures.

For example: .venv/bin/python -m scripts.pages.lesson
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat

from deepxor.console import app
from scripts.pages.lesson.cells import LANGUAGES
from scripts.pages.lesson.notebook import ROOT, executed
from scripts.pages.lesson.page import markdown, pictures

FOLDER = ROOT / "docs" / "lesson"
NAME = "vanishing_gradient"


def main(argv: Sequence[str]) -> int:
    """Writes all files of the lesson."""
    app.check_no_arguments(argv)
    (FOLDER / "pictures").mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(language, Path(folder))
        nbformat.write(notebook, FOLDER / f"{NAME}.{language}.ipynb")
        page = FOLDER / f"{NAME}.{language}.md"
        page.write_text(markdown(notebook), encoding="utf-8")
        for name, content in pictures(notebook).items():
            (FOLDER / "pictures" / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    app.run(main)
