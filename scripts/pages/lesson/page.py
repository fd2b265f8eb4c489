"""The lesson as a page of Markdown with pictures, to be read without running it."""

from __future__ import annotations

import base64

from nbformat import NotebookNode


def markdown(notebook: NotebookNode) -> str:
    """Returns the page of an executed notebook.

    Args:
        notebook: The notebook, as `notebook.executed` returns it.
    """
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
        parts += [o.data["text/markdown"] for o in cell.outputs if _is_table(o)]
        if printed:
            parts.append(f"```text\n{printed.rstrip()}\n```")
        if _pictures(cell):
            parts.append(f"![{cell.metadata.picture}](pictures/{_file(cell)})")
    return "\n\n".join(parts) + "\n"


def pictures(notebook: NotebookNode) -> dict[str, bytes]:
    """Returns the pictures of an executed notebook by the names of their files.

    Args:
        notebook: The notebook, as `notebook.executed` returns it.
    """
    return {
        _file(cell): base64.b64decode(_pictures(cell)[0])
        for cell in notebook.cells
        if cell.cell_type == "code" and _pictures(cell)
    }


def _is_table(output: NotebookNode) -> bool:
    return "text/markdown" in output.get("data", {})


def _pictures(cell: NotebookNode) -> list[str]:
    data = (output.get("data", {}) for output in cell.outputs)
    return [each["image/png"] for each in data if "image/png" in each]


def _file(cell: NotebookNode) -> str:
    return cell.metadata.picture.lower().replace(" ", "-") + ".png"
