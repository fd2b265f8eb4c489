"""The lesson as a Jupyter notebook, executed and with its numbers in the text."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

from scripts.pages.lesson.cells import Code, Text
from scripts.pages.lesson.steps import CELLS

ROOT = Path(__file__).resolve().parents[3]

# No cell takes a tenth of it on two cores.
_SECONDS = 300


def executed(language: str, folder: Path) -> NotebookNode:
    """Runs the lesson and returns it as a notebook with outputs and numbers.

    Args:
        language: One of `LANGUAGES`.
        folder: The folder in which the kernel works.

    Returns:
        The notebook. Each cell of code that draws has the name of its picture in
        `metadata.picture`.

    Raises:
        CellExecutionError: If a cell fails, or what a text says does not hold.
    """
    notebook = v4.new_notebook(cells=[_cell(c, language) for c in CELLS])
    _run(notebook, folder)
    for number, (cell, node) in enumerate(zip(CELLS, notebook.cells, strict=True)):
        node.id = f"cell-{number}"
        if isinstance(cell, Text):
            values = json.loads(node.outputs[0].text) if node.outputs else []
            notebook.cells[number] = v4.new_markdown_cell(
                cell.filled(language, values), id=node.id
            )
    notebook.metadata = _metadata(language)
    nbformat.validate(notebook)
    return notebook


def _cell(cell: Text | Code, language: str) -> NotebookNode:
    """Returns a cell to run: in place of a text what evaluates its numbers."""
    if isinstance(cell, Text):
        return v4.new_code_cell(_probe(cell, language))
    metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
    if cell.picture:
        metadata["picture"] = cell.picture
    return v4.new_code_cell(cell.in_language(language), metadata=metadata)


def _probe(text: Text, language: str) -> str:
    lines = [f"assert {claim}, {claim!r}" for claim in text.holds]
    fields = text.fields(language)
    if fields:
        values = ", ".join(f"format({name}, {form!r})" for name, form in fields)
        lines.append(f"print(__import__('json').dumps([{values}]))")
    return "\n".join(lines)


def _run(notebook: NotebookNode, folder: Path) -> None:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = NotebookClient(
        notebook,
        timeout=_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    # Runs go to a folder that `tempfile` makes.
    more = {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(folder)}
    # The client's own loop would stay open in each thread that runs a notebook.
    asyncio.run(client.async_execute(env={**os.environ, **more}))
    count = 0
    for cell, node in zip(CELLS, notebook.cells, strict=True):
        # TensorFlow writes to standard error what it has found on the machine.
        node.outputs = [o for o in node.outputs if o.get("name") != "stderr"]
        if isinstance(cell, Code) and node.execution_count is not None:
            count += 1
            node.execution_count = count
        for output in node.outputs:
            if "execution_count" in output:
                output.execution_count = count


def _metadata(language: str) -> dict[str, Any]:
    return {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
        "lesson_language": language,
    }
