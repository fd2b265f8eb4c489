"""The lecture's worked example of the chain rule: f = g(x y), g the sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkedExample:
    """Backpropagation through f = g(x y), one multiplication at a time.

    Sung Kim's lecture 10-1: the derivatives by x and y are the local derivative of g
    times that of the product. Where x y is far from 0, g is flat.

    Attributes:
        x: The first input.
        y: The second, or the weight.
    """

    x: float
    y: float

    @property
    def product(self) -> float:
        """The product of x and y, which goes into g."""
        return self.x * self.y

    @property
    def value(self) -> float:
        """The function's value, f = g(x y)."""
        # Never the exponential of a large number, which would overflow.
        small = math.exp(-abs(self.product))
        return (1.0 if self.product >= 0 else small) / (1.0 + small)

    @property
    def local_derivative(self) -> float:
        """g'(x y) = g (1 - g), at most 0.25."""
        small = math.exp(-abs(self.product))
        return small / (1.0 + small) ** 2

    @property
    def by_x(self) -> float:
        """df/dx = g'(x y) y."""
        return self.local_derivative * self.y

    @property
    def by_y(self) -> float:
        """df/dy = g'(x y) x."""
        return self.local_derivative * self.x

    def __str__(self) -> str:
        return (
            f"The lecture's example, f = g(x y) with x = {self.x:g}, y = {self.y:g}: "
            f"g is the sigmoid, g({self.product:g}) = {self.value:.2g}, its local "
            f"derivative there g'({self.product:g}) = {self.local_derivative:.2g}, so "
            f"df/dx = g' y = {self.by_x:.2g} and df/dy = g' x = {self.by_y:.2g}."
        )


# The lecture's: at -10 almost nothing of the gradient comes through.
LECTURE = WorkedExample(x=-2.0, y=5.0)
