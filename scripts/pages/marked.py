"""Replaces the generated blocks of a Markdown page, which stand between two markers."""

from __future__ import annotations


def replaced(document: str, name: str, text: str) -> str:
    """Returns a document with another text between two markers.

    Args:
        document: Markdown; it has the lines `<!-- NAME: begin -->` and
            `<!-- NAME: end -->` once each.
        name: The block's name.
        text: What then stands between the markers; it ends with a line break.

    Returns:
        The document, otherwise as it was.

    Raises:
        ValueError: If the document does not have each marker once.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    for marker in (begin, end):
        count = document.count(marker)
        if count != 1:
            raise ValueError(
                f"The document must have the marker {marker.strip()!r} once. "
                f"Received: {count} times"
            )
    before, rest = document.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}{text}{end}{after}"


def block(document: str, name: str) -> str:
    """Returns what stands between two markers.

    Args:
        document: Markdown with the markers that `replaced` describes.
        name: The block's name.
    """
    _, rest = document.split(f"<!-- {name}: begin -->\n")
    return rest.split(f"<!-- {name}: end -->\n")[0]
