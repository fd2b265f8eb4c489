"""A picture of the decision surface over the unit square."""

from __future__ import annotations

import functools
import math

import numpy as np

# Blue where the network answers 0, orange where it answers 1, white where it does not
# know: the two ends of a scale that colour-blind people can tell apart.
ZERO = np.array([33, 102, 172.0])
UNSURE = np.array([247, 247, 247.0])
ONE = np.array([230, 97, 1.0])

GRID = 17
PIXELS = 272
MARK_RADIUS = 9.5

# Of the scale, even, so that one of them is white.
_SHADES = 1000


def grid(bits: int) -> np.ndarray:
    """Returns the points at which a surface is sampled.

    Args:
        bits: Inputs of the network; those after the second are 0.

    Returns:
        float32 [GRID * GRID, bits], the second input falling row by row, so that the
        picture's origin is bottom left.
    """
    axis = np.linspace(0, 1, GRID)
    second, first = np.meshgrid(axis[::-1], axis, indexing="ij")
    points = np.zeros((GRID * GRID, bits), np.float32)
    points[:, 0], points[:, 1] = first.ravel(), second.ravel()
    return points


def draw(probabilities: np.ndarray) -> np.ndarray:
    """Draws probabilities as colours, with the four samples of XOR at the corners.

    Args:
        probabilities: [GRID * GRID] in the order of `grid`; NaN is drawn grey.

    Returns:
        uint8 [PIXELS, PIXELS, 3].
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
    """Returns [GRID, n] as [PIXELS, n], linearly along the first axis."""
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
