"""Which axis of a sweep is drawn along which axis of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepxor.sweeps.cells import Cells
from deepxor.sweeps.picture.scale import Scale


@dataclass(frozen=True)
class Layout:
    """Places the cells of a sweep of two axes on a map.

    Attributes:
        cells: The cells.
        x: The horizontal scale.
        y: The vertical scale.
    """

    cells: Cells
    x: Scale
    y: Scale

    @classmethod
    def of(cls, cells: Cells) -> Layout:
        """Returns the layout of a map.

        Depth is vertical, as in the maps of Schoenholz et al. 2017; or else names are,
        as they have more room there; or else the second axis is.

        Args:
            cells: The cells, of two axes.
        """
        first, second = cells.axes
        has_names = second.is_numeric and not first.is_numeric
        is_vertical = first.name == "depth" or (has_names and second.name != "depth")
        x, y = (second, first) if is_vertical else (first, second)
        return cls(cells, Scale.of(x), Scale.of(y))

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the cells in the table, [vertical, horizontal]."""
        numbers = np.arange(self.cells.table.size).reshape(self.cells.shape)
        if self.x.axis is self.cells.axes[0]:
            numbers = numbers.T
        return numbers[np.ix_(self.y.order, self.x.order)]

    def grid(self, column: str) -> np.ndarray:
        """Returns a column of the table as it lies on the map.

        Args:
            column: The name of the column.

        Returns:
            The values, [vertical, horizontal], rising with the coordinates.
        """
        return np.asarray(self.cells.table[column])[self.numbers]
