"""A figure as PNG and as SVG, the same bytes for equal figures."""

from __future__ import annotations

import io
import warnings
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from deepxor.sweeps.picture.style import MAP_STYLE


def png_bytes(figure: Figure) -> bytes:
    """Returns a figure as a PNG file.

    Args:
        figure: The figure.
    """
    return _saved(figure, format="png", metadata={"Software": None})


def svg_bytes(figure: Figure, transparent: bool = False) -> bytes:
    """Returns a figure as an SVG file.

    Args:
        figure: The figure.
        transparent: Whether the paper is left out, for a page that has its own.
    """
    nothing = {key: None for key in ("Creator", "Date", "Format", "Type")}
    return _saved(figure, format="svg", metadata=nothing, transparent=transparent)


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(MAP_STYLE), warnings.catch_warnings():
        # As in `draw`, of letters that the font lacks.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(buffer, dpi=figure.dpi, **options)
    return buffer.getvalue()
