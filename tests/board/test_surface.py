import numpy as np

from deepxor.board import surface


def test_the_pictures_corners_are_the_grids():
    points = surface.grid(bits=3)
    assert points.shape == (surface.GRID**2, 3)
    assert points[0].tolist() == [0, 1, 0]  # top left: first input 0, second 1
    assert points[-1].tolist() == [1, 0, 0]
    first_is_one = surface.draw(points[:, 0])
    middle = surface.PIXELS // 2
    np.testing.assert_array_equal(first_is_one[middle, 0], surface.ZERO)
    np.testing.assert_array_equal(first_is_one[middle, -1], surface.ONE)


def test_a_half_is_white_and_nan_is_grey():
    half = surface.draw(np.full(surface.GRID**2, 0.5))
    middle = surface.PIXELS // 2
    np.testing.assert_array_equal(half[middle, middle], surface.UNSURE)
    nan = surface.draw(np.full(surface.GRID**2, np.nan))
    assert (nan[middle, middle] == 128).all()
    assert nan.dtype == np.uint8 and nan.shape == (surface.PIXELS, surface.PIXELS, 3)


def test_the_samples_have_the_right_answers_colour():
    picture = surface.draw(np.full(surface.GRID**2, 0.5))
    inset = surface.PIXELS // surface.GRID // 2 + 4
    corners = {
        (True, True): surface.ONE,  # top left is (0, 1)
        (True, False): surface.ZERO,
        (False, True): surface.ZERO,
        (False, False): surface.ONE,
    }
    for (top, left), colour in corners.items():
        row = inset if top else -1 - inset
        column = inset if left else -1 - inset
        np.testing.assert_array_equal(picture[row, column], colour)
