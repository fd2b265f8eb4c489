"""What a sweep leaves beside its networks: map, page, events, table of the cells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.compat.proto import summary_pb2

from deepxor.events.event_file import EventFile, add_png
from deepxor.runs.atomic import write_atomically
from deepxor.sweeps.cells import Cells
from deepxor.sweeps.hparams import write_hparams
from deepxor.sweeps.picture.curves import Curve, theory_curves
from deepxor.sweeps.picture.export import png_bytes, svg_bytes
from deepxor.sweeps.picture.map import draw
from deepxor.sweeps.picture.page import page
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.worker import Row
from deepxor.text import table_csv

# While the sweep runs the picture is drawn anew after this time at the earliest, and
# such that drawing takes less than this share of the time.
SECONDS_BETWEEN, SHARE = 10.0, 0.02

# The last file, which says that nothing else is left to be written.
TABLE = "cells.csv"


class Outputs:
    """Draws the map of a sweep while it grows, and writes all there is at its end.

    Args:
        sweep: The sweep.
        folder: The folder of the sweep.
        hparams: The logdir of the cells' runs; None for none.
    """

    def __init__(self, sweep: Sweep, folder: Path, hparams: Path | None = None) -> None:
        self._sweep = sweep
        self._folder = folder
        self._hparams = hparams
        self._events: EventFile | None = None
        self._curves: list[Curve] | None = None
        self._next = time.monotonic() + SECONDS_BETWEEN

    def refresh(self, rows: Sequence[Row]) -> None:
        """Draws the map as a picture, unless it has been drawn a moment ago.

        Args:
            rows: The rows of the networks so far.

        Raises:
            OSError: If the picture cannot be written.
        """
        begin = time.monotonic()
        if begin < self._next:
            return
        png = png_bytes(self._figure(self._sweep.cells(rows)))
        write_atomically(self._folder / "map.png", png)
        self._write_event(png, len(rows))
        end = time.monotonic()
        self._next = end + max(SECONDS_BETWEEN, (end - begin) / SHARE)

    def finish(self, rows: Sequence[Row], has_trained: bool) -> Cells:
        """Writes map.png, map.svg, map.html, the events, and at last cells.csv.

        Args:
            rows: The rows of all networks.
            has_trained: Whether any has been trained since cells.csv was written; if
                not, there is nothing new for the event files.

        Returns:
            The cells.

        Raises:
            OSError: If a file cannot be written.
        """
        cells = self._sweep.cells(rows)
        figure = self._figure(cells)
        png = png_bytes(figure)
        facts = [*self._sweep.facts(), ("networks", f"{self._sweep.count:,}")]
        html = page(cells, self._theory(), self._sweep.title, facts)
        for name, content in (
            ("map.png", png),
            ("map.svg", svg_bytes(figure)),
            ("map.html", html.encode()),
        ):
            write_atomically(self._folder / name, content)
        # The command that trained the last network may have been killed before this.
        if has_trained or not (self._folder / TABLE).exists():
            self._write_event(png, len(rows))
            if self._hparams is not None:
                write_hparams(cells, self._hparams)
        if self._events is not None:
            self._events.close()
        write_atomically(self._folder / TABLE, cells_csv(cells).encode())
        return cells

    def _write_event(self, png: bytes, step: int) -> None:
        """Writes the map for the Images tab, at the step of its number of networks."""
        if self._events is None:
            self._events = EventFile(self._folder)
        summary = summary_pb2.Summary()
        add_png(summary, "map", png)
        self._events.write(summary, step)

    def _figure(self, cells: Cells) -> Figure:
        return draw(cells, self._theory(), self._sweep.title)

    def _theory(self) -> list[Curve]:
        if self._curves is None:
            self._curves = theory_curves(self._sweep.axes, self._sweep.common_settings)
        return self._curves


def cells_csv(cells: Cells) -> str:
    """Returns the table of the cells as CSV, empty where a number is not known.

    Args:
        cells: The cells.
    """
    return table_csv(cells.table.dtype.names or (), cells.table.tolist())
