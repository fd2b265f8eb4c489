"""The lecture's worked example of the chain rule: f = g(x y), g the sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkedExample:
    """Takes the gradient of f = g(x y), one multiplication at a time.

    This is the example of Sung Kim's lecture 10-1. The derivatives by x and y are the
    local derivative of g times that of the product. Where x y is far from 0, g is flat.

    Attributes:
        x: The input.
        y: The weight.
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
        # The exponential of a large number would overflow, that of -|x y| does not.
        small = math.exp(-abs(self.product))
        return (1.0 if self.product >= 0 else small) / (1.0 + small)

    @property
    def local_derivative(self) -> float:
        """The local derivative, g'(x y) = g (1 - g), which is at most 0.25."""
        small = math.exp(-abs(self.product))
        return small / (1.0 + small) ** 2

    @property
    def by_x(self) -> float:
        """The derivative by x, df/dx = g'(x y) y."""
        return self.local_derivative * self.y

    @property
    def by_y(self) -> float:
        """The derivative by y, df/dy = g'(x y) x."""
        return self.local_derivative * self.x

    def __str__(self) -> str:
        return (
            f"The lecture's example, f = g(x y) with x = {self.x:g}, y = {self.y:g}: "
            f"g is the sigmoid, g({self.product:g}) = {self.value:.2g}, its local "
            f"derivative there g'({self.product:g}) = {self.local_derivative:.2g}, so "
            f"df/dx = g' y = {self.by_x:.2g} and df/dy = g' x = {self.by_y:.2g}."
        )


# The numbers of the lecture: at x y = -10 almost nothing of the gradient is left.
LECTURE = WorkedExample(x=-2.0, y=5.0)
