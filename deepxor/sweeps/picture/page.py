"""A sweep as one HTML file: the map with the numbers of each cell, and a table."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from deepxor.sweeps.cells import Cells
from deepxor.sweeps.picture.curves import Curve
from deepxor.sweeps.picture.export import svg_bytes
from deepxor.sweeps.picture.layout import Layout
from deepxor.sweeps.picture.map import draw
from deepxor.sweeps.picture.scale import Scale
from deepxor.sweeps.picture.style import score_label
from deepxor.text import printable
from deepxor.verdicts import VERDICTS
from deepxor.version import __version__

TEMPLATE, SCRIPT = "sweep.html.j2", "tip.js.j2"


def page(
    cells: Cells,
    curves: Sequence[Curve] = (),
    title: str = "",
    facts: Sequence[tuple[str, Any]] = (),
) -> str:
    """Returns a sweep as an HTML page that needs no other files.

    Args:
        cells: The cells, of one or two axes; their names and texts need not be trusted.
        curves: The curves over the map, as `theory_curves` returns them.
        title: The title.
        facts: The names and values of the settings of the whole sweep.

    Returns:
        The page. Its map tells the numbers of a cell under the mouse, or under a cursor
        that the arrow keys move.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepxor.sweeps.picture", "."),
        autoescape=True,  # as names are not trusted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figure = draw(cells, curves)
    svg = svg_bytes(figure, transparent=True).decode()
    script = resources.files("deepxor.sweeps.picture").joinpath(SCRIPT)
    code = "\n" + script.read_text(encoding="utf-8")
    return environment.get_template(TEMPLATE).render(
        title=printable(title),
        facts=[(name, printable(str(value))) for name, value in facts],
        svg=Markup(svg[svg.index("<svg") :]),
        place=_place(figure),
        grid=_grid(cells),
        headings=_headings(cells),
        rows=_rows(cells),
        score=score_label(cells),
        trained=int(np.count_nonzero(cells.table["networks"])),
        script=Markup(code),
        # The browser runs no other script than this one.
        digest=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        version=__version__,
    )


def _place(figure: Figure) -> dict[str, float]:
    """Returns where the panel of the cells lies in the picture, in percent."""
    box = figure.axes[0].get_position()
    percent = {
        "left": box.x0, "top": 1 - box.y1, "width": box.width, "height": box.height
    }  # fmt: skip
    return {name: round(100 * value, 3) for name, value in percent.items()}


def _grid(cells: Cells) -> dict[str, str]:
    """Returns where cells end and which rows of the table they are, for the script.

    Edges are shares of the panel from its left, or from its bottom. The number of a
    row is that of the cell's column on the map and that of its line added up.
    """
    if len(cells.axes) == 1:
        scale = Scale.of(cells.axes[0])
        return {
            "x": _shares(scale), "y": "0 1",
            "columns": _joined(scale.order), "lines": "0",
        }  # fmt: skip
    layout = Layout.of(cells)
    columns, lines = layout.numbers[0], layout.numbers[:, 0]
    return {
        "x": _shares(layout.x), "y": _shares(layout.y),
        "columns": _joined(columns), "lines": _joined(lines - lines[0]),
    }  # fmt: skip


def _shares(scale: Scale) -> str:
    low, high = scale.limits
    return _joined(((scale.edges - low) / (high - low)).round(5))


def _joined(numbers: np.ndarray) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _occurring(cells: Cells) -> list[str]:
    """Returns the verdicts that any network has."""
    names = [verdict.name for verdict in VERDICTS]
    return [name for name in names if np.nansum(cells.table[name]) > 0]


def _headings(cells: Cells) -> list[str]:
    return [
        *(axis.name for axis in cells.axes),
        "networks", cells.score, "95 % interval", "cost", "first gradient",
        "last gradient", "decades", *_occurring(cells), "verdict", "seconds", "error",
    ]  # fmt: skip


def _rows(cells: Cells) -> list[list[str]]:
    """Returns the texts of the table, a row a cell; empty for what is not known."""
    shares = _occurring(cells)
    rows = []
    for row in cells.table:
        interval = [_number(row["score_low"]), _number(row["score_high"])]
        rows.append(
            [
                *(_value(row[axis.name]) for axis in cells.axes),
                str(row["networks"]),
                _number(row["score"]),
                " to ".join(filter(None, interval)),
                *(
                    _number(row[name])
                    for name in ("cost", "first_gradient", "last_gradient", "decades")
                ),
                *(_number(row[name]) for name in shares),
                str(row["verdict"]),
                f"{row['seconds']:.3g}",
                printable(str(row["error"])),
            ]
        )
    return rows


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else printable(str(value))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"
