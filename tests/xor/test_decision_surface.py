import numpy as np

from deepxor.xor import decision_surface


def test_the_pictures_corners_are_the_grids():
    points = decision_surface.grid(bits=3)
    assert points.shape == (decision_surface.GRID**2, 3)
    assert points[0].tolist() == [0, 1, 0]  # top left: first input 0, second 1
    assert points[-1].tolist() == [1, 0, 0]
    first_is_one = decision_surface.draw(points[:, 0])
    middle = decision_surface.PIXELS // 2
    np.testing.assert_array_equal(first_is_one[middle, 0], decision_surface.ZERO)
    np.testing.assert_array_equal(first_is_one[middle, -1], decision_surface.ONE)


def test_a_half_is_white_and_nan_is_grey():
    half = decision_surface.draw(np.full(decision_surface.GRID**2, 0.5))
    middle = decision_surface.PIXELS // 2
    np.testing.assert_array_equal(half[middle, middle], decision_surface.UNSURE)
    nan = decision_surface.draw(np.full(decision_surface.GRID**2, np.nan))
    assert (nan[middle, middle] == 128).all()
    assert nan.dtype == np.uint8 and nan.shape == (
        decision_surface.PIXELS,
        decision_surface.PIXELS,
        3,
    )


def test_the_samples_have_the_right_answers_colour():
    picture = decision_surface.draw(np.full(decision_surface.GRID**2, 0.5))
    inset = decision_surface.PIXELS // decision_surface.GRID // 2 + 4
    corners = {
        (True, True): decision_surface.ONE,  # top left is (0, 1)
        (True, False): decision_surface.ZERO,
        (False, True): decision_surface.ZERO,
        (False, False): decision_surface.ONE,
    }
    for (top, left), colour in corners.items():
        row = inset if top else -1 - inset
        column = inset if left else -1 - inset
        np.testing.assert_array_equal(picture[row, column], colour)
