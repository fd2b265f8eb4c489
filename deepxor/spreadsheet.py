"""Texts as cells of a CSV file that a spreadsheet may open."""

from __future__ import annotations

# A spreadsheet takes a cell that begins so for a formula and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """Returns a text with an apostrophe in front if a spreadsheet would run it.

    Args:
        text: Whatever somebody named a run or a layer.
    """
    return "'" + text if text.startswith(_FORMULA) else text
