"""The lecture's worked example of the chain rule."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor.backprop.explanation import explain
from deepxor.xor.lecture import LECTURE, WorkedExample


def test_the_sigmoids_local_derivative_at_minus_10_is_the_lectures():
    assert LECTURE.product == -10
    assert f"{LECTURE.local_derivative:.1e}" == "4.5e-05"
    assert "g'(-10) = 4.5e-05" in str(LECTURE)


@pytest.mark.parametrize(
    ("x", "y"), [(-2.0, 5.0), (2.0, 5.0), (0.3, -0.7), (0.0, 1.0), (40.0, 20.0)]
)
def test_derivatives_are_those_of_the_tape(x, y):
    example = WorkedExample(x, y)
    first, second = (tf.constant(value, tf.float64) for value in (x, y))
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        value = tf.sigmoid(first * second)
    by_x, by_y = tape.gradient(value, [first, second])
    assert example.value == pytest.approx(float(value), rel=1e-12)
    # The tape takes g (1 - g), which is exactly 0 where g rounds to 1.
    np.testing.assert_allclose(
        [example.by_x, example.by_y], [by_x, by_y], rtol=1e-11, atol=1e-15
    )
    assert example.local_derivative <= 0.25
    assert WorkedExample(-x, y).value == pytest.approx(1 - example.value)


def test_a_network_of_one_unit_is_explained_as_the_example():
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, "sigmoid", use_bias=False)]
    )
    model.compile("sgd", "mse")
    model.layers[0].set_weights([np.array([[LECTURE.y]])])
    explanation = explain(model, [[LECTURE.x]], [[1.0]])
    (slope,), (weight,) = explanation.slope_factor, explanation.weight_factor
    assert slope == pytest.approx(LECTURE.local_derivative, rel=1e-5)
    assert weight == pytest.approx(LECTURE.y, rel=1e-5)
    assert slope * weight == pytest.approx(LECTURE.by_x, rel=1e-5)
