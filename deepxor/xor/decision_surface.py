"""A picture of the decision surface over the unit square."""

from __future__ import annotations

import functools
import math

import numpy as np

# The picture is blue where the network answers 0, orange where it answers 1 and white
# at a probability of 0.5. Colour-blind people can tell the two ends apart.
ZERO = np.array([33, 102, 172.0])
UNSURE = np.array([247, 247, 247.0])
ONE = np.array([230, 97, 1.0])

GRID = 17
PIXELS = 272
MARK_RADIUS = 9.5

# The number of steps between the shades of the scale; it is even, so that one shade is
# white.
_SHADES = 1000


def grid(bits: int) -> np.ndarray:
    """Returns the points at which a surface is sampled.

    Args:
        bits: The number of inputs of the network; those after the second are 0.

    Returns:
        The points, float32 [GRID * GRID, bits]. The second input falls from row to row,
        so that the origin of the picture is at the bottom left.
    """
    axis = np.linspace(0, 1, GRID)
    second, first = np.meshgrid(axis[::-1], axis, indexing="ij")
    points = np.zeros((GRID * GRID, bits), np.float32)
    points[:, 0], points[:, 1] = first.ravel(), second.ravel()
    return points


def draw(probabilities: np.ndarray) -> np.ndarray:
    """Draws probabilities as colours, with the four samples of XOR at the corners.

    Args:
        probabilities: The probabilities of a 1 at the points of `grid`, [GRID * GRID];
            NaN is drawn grey.

    Returns:
        The pixels, uint8 [PIXELS, PIXELS, 3].
    """
    values = _interpolate(_interpolate(probabilities.reshape(GRID, GRID)).T).T
    shade = np.where(np.isnan(values), _SHADES + 1, np.rint(values * _SHADES))
    return _draw_samples(_palette()[shade.astype(int)])


@functools.cache
def _palette() -> np.ndarray:
    """Returns the shades from 0 to 1 and, after them, grey: uint8 [shades + 2, 3]."""
    stops = np.array([ZERO, UNSURE, ONE])
    part = np.linspace(0, 1, _SHADES + 1)
    scale = [np.interp(part, [0, 0.5, 1], channel) for channel in stops.T]
    return np.vstack([np.rint(np.transpose(scale)), [128, 128, 128]]).astype(np.uint8)


def _interpolate(values: np.ndarray) -> np.ndarray:
    """Returns [PIXELS, n] from [GRID, n], linear between the rows."""
    position = np.linspace(0, GRID - 1, PIXELS)
    below = np.minimum(position.astype(int), GRID - 2)
    part = (position - below)[:, None]
    return (1 - part) * values[below] + part * values[below + 1]


def _draw_samples(pixels: np.ndarray) -> np.ndarray:
    """Draws a disc in the right answer's colour, ringed in black, into each corner."""
    inset = PIXELS // GRID // 2 + 4
    reach = math.ceil(MARK_RADIUS)
    offset = np.arange(-reach, reach + 1)
    distance = np.hypot(*np.meshgrid(offset, offset))
    corners = {0: inset, 1: PIXELS - 1 - inset}
    for first, x in corners.items():
        for second, y in corners.items():
            row = PIXELS - 1 - y - reach
            column = x - reach
            patch = pixels[row : row + len(offset), column : column + len(offset)]
            patch[distance <= MARK_RADIUS] = 0
            patch[distance <= MARK_RADIUS - 2] = ONE if first != second else ZERO
    return pixels
