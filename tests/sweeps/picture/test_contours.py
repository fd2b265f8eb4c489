"""Where a map is one half, beside functions whose contour is known."""

import numpy as np
import pytest

from deepxor.sweeps.axis import Axis, parse_axis
from deepxor.sweeps.picture.contours import contour
from deepxor.sweeps.picture.scale import Scale

DEPTH = Scale.of(parse_axis("depth=2:20:2"))
RATE = Scale.of(parse_axis("learning_rate=0.01:1:log9"))
NAMES = Scale.of(Axis("activation", ("relu", "tanh")))


def test_the_contour_of_a_plane_is_its_line():
    x, y = np.meshgrid(RATE.places, DEPTH.places)
    (line,) = contour(RATE, DEPTH, 0.5 + (y - 11) - 3 * (x + 1))
    np.testing.assert_allclose(line[:, 1] - 11, 3 * (line[:, 0] + 1), atol=1e-12)
    assert np.ptp(line[:, 0]) == pytest.approx(2)


def test_a_line_ends_where_cells_are_missing():
    grid = np.tile(1 - DEPTH.places[:, None] / 22, len(RATE.places))
    grid[:, 4] = np.nan
    lines = contour(RATE, DEPTH, grid)
    assert len(lines) == 2
    for line in lines:
        np.testing.assert_allclose(line[:, 1], 11)
        assert np.ptp(line[:, 0]) == pytest.approx(0.75)


def test_between_names_nothing_is_interpolated():
    grid = np.array([1 - DEPTH.places / 22, 0.1 + DEPTH.places / 40])
    lines = contour(NAMES, DEPTH, grid.T)
    expected = [[[-0.5, 11], [0.5, 11]], [[0.5, 16], [1.5, 16]]]
    np.testing.assert_allclose(lines, expected)
    turned = contour(DEPTH, NAMES, grid)
    np.testing.assert_allclose(turned, np.flip(expected, axis=-1))


def test_a_cell_of_exactly_one_half_is_on_the_line():
    column = np.array([1, 1, 1, 0.5, 0, 0, 0, 0, np.nan, 1])
    (line,) = contour(NAMES, DEPTH, np.array([column, column * 0]).T)
    np.testing.assert_allclose(line, [[-0.5, 8], [0.5, 8]])


def test_names_by_names_and_single_values_have_no_contour():
    assert contour(NAMES, NAMES, np.array([[0.0, 1.0], [1.0, 0.0]])) == []
    single = Scale.of(Axis("depth", (3,)))
    assert contour(RATE, single, np.linspace(0, 1, 9)[None]) == []
