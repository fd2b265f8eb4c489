"""The files of the playground's page, by their paths below its address."""

from __future__ import annotations

import re
from pathlib import Path

from deepxor.plugin import script, static_files
from deepxor.web.tables import tables_js

# Lines that are a comment, of either kind, and nothing else.
_COMMENT = re.compile(r"^[ ]*(?://.*|/\*\*(?:.|\n)*?\*/)\n", re.MULTILINE)

FOLDER = Path(__file__).parent / "static"

# The page's own files; what it shares with the tab is in `static_files.DRAWING`.
NAMES = (
    "index.html",
    "app.js",
    "controls.js",
    "engine.js",
    "flow.js",
    "frame.js",
    "icon.svg",
    "pace.js",
    "pair.js",
    "scene.js",
    "sentence.js",
    "side.js",
    "style.css",
    "theme.js",
    "text/en.js",
    "text/ko.js",
    "text/language.js",
    "training/activations.js",
    "training/erfcx.js",
    "training/grid.js",
    "training/initializers.js",
    "training/layer.js",
    "training/network.js",
    "training/random.js",
    "training/records.js",
    "training/session.js",
    "training/settings.js",
    "training/states.js",
    "training/statistics.js",
    "training/truth_table.js",
    "training/worker.js",
    "views/curve.js",
    "views/dots.js",
    "views/layers.js",
    "views/surface.js",
)


def page_files() -> dict[str, bytes]:
    """Returns the contents of all files that the page consists of.

    Returns:
        The contents by path, as in "drawing/draw.js". Any web server can serve them,
        from any folder: the page names no address but theirs.
    """
    shared = {name: static_files.FOLDER / name for name in static_files.DRAWING}
    own = {name: FOLDER / name for name in NAMES}
    texts = {name: path.read_text("utf-8") for name, path in {**shared, **own}.items()}
    texts |= {static_files.TABLES: script.tables_js(), "tables.js": tables_js()}
    return {
        name: (_without_comments(text) if name.endswith(".js") else text).encode()
        for name, text in texts.items()
    }


def _without_comments(script: str) -> str:
    """Returns a script without the lines that are comments, a seventh of all bytes."""
    return _COMMENT.sub("", script)


def export(folder: Path) -> int:
    """Writes the page into a folder, from which any web server can serve it.

    Args:
        folder: The folder, which is made if there is none. What else is in it stays.

    Returns:
        The number of bytes written.

    Raises:
        OSError: If a file cannot be written.
    """
    files = page_files()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sum(map(len, files.values()))
