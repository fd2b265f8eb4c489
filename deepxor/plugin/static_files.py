"""The files of the page of the tab, and their types; no imports of ours."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "static"

# The modules that draw and know of no server; the playground draws with them, too.
DRAWING = (
    "drawing/cells.js",
    "drawing/dom.js",
    "drawing/draw.js",
    "drawing/profile.js",
    "drawing/range.js",
    "drawing/stairs.js",
    "drawing/theme.css",
    "drawing/words.js",
)

# The modules that `script.tables_js` and `docs_js` return, which have no file.
TABLES = "drawing/tables.js"
DOCS = "docs.js"

# The files that are served; no name from a request ever becomes a path.
NAMES = (
    *DRAWING,
    "card.js",
    "choice.js",
    "data.js",
    "describe.js",
    "download.js",
    "index.js",
    "list.js",
    "nearest.js",
    "page.js",
    "records.js",
    "side.js",
    "style.css",
    "theme.js",
    "tip.js",
    "url.js",
    "why.js",
    "zoom.js",
    "stage/arrival.js",
    "stage/beam.js",
    "stage/clock.js",
    "stage/stage.css",
    "stage/stage.js",
)

_CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def content_type(name: str) -> str:
    """Returns the content type of a file of a page.

    Args:
        name: The file's name or path.
    """
    return _CONTENT_TYPES[Path(name).suffix]
