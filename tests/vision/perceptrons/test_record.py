import numpy as np
import pytest
import tensorflow as tf

from deepxor.quantities import names
from deepxor.vision.perceptrons.network import Pass
from deepxor.vision.perceptrons.record import measure

# Two layers in one block, of one network, and a last layer.
SHAPES = [(2, 1, 4, 3), (1, 1, 4, 10)]


def measured(gradients, before=None, after=None, z=None, activation="relu"):
    rng = np.random.default_rng(0)
    before = before or [rng.normal(size=shape) for shape in SHAPES]
    after = after or before
    z = np.zeros((2, 1, 40, 3)) if z is None else z
    found = Pass([tf.constant(layer, tf.float32) for layer in z], tf.ones([1, 40, 10]))
    blocks = (
        [tf.constant(value, tf.float32) for value in values]
        for values in (before, after, gradients)
    )
    table = measure(*blocks, found, activation).numpy()[:, :, 0]
    return dict(zip(names(), table, strict=True))


def of_layer(blocks, layer):
    return (blocks[0][layer] if layer < 2 else blocks[1][0]).ravel()


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25])
def test_norms_are_right_where_squares_are_out_of_range(scale):
    rng = np.random.default_rng(1)
    gradients = [scale * rng.normal(size=shape) for shape in SHAPES]
    gradients[0][0, 0, 0] = 0
    found = measured(gradients)
    for layer in range(3):
        elements = of_layer(gradients, layer)
        size = np.abs(elements)
        assert found["norm"][layer] == pytest.approx(np.linalg.norm(elements), 1e-5)
        assert found["mean_abs"][layer] == pytest.approx(size.mean(), 1e-5)
        assert found["max_abs"][layer] == pytest.approx(size.max(), 1e-5)
        share = np.float32((elements == 0).mean())
        assert found["zero_fraction"][layer] == share
        assert found["non_finite"][layer] == 0


def test_zero_nan_and_infinity_are_told_apart():
    gradients = [np.ones(shape) for shape in SHAPES]
    gradients[0][0] = 0
    gradients[0][1, 0, 0, :2] = np.nan
    gradients[1][0, 0, 1, 4] = np.inf
    found = measured(gradients)
    assert found["norm"][0] == 0
    assert found["zero_fraction"][0] == 1
    assert np.isnan(found["norm"][1]) and np.isnan(found["max_abs"][1])
    assert np.isinf(found["norm"][2]) and np.isinf(found["max_abs"][2])
    assert found["non_finite"].tolist() == [0, 2, 1]


def test_updates_are_over_the_weights_before_the_step():
    before = [np.ones(shape) for shape in SHAPES]
    before[0][1] = 0
    after = [value.copy() for value in before]
    after[0][:, 0, 0, 0] += 0.5
    found = measured([np.ones(shape) for shape in SHAPES], before, after)
    assert found["weight_norm"].tolist() == pytest.approx([12**0.5, 0, 40**0.5])
    # Of weights that were zero the change is infinite; none is 0.
    assert found["update_ratio"].tolist() == pytest.approx([0.5 / 12**0.5, np.inf, 0])


def test_dead_and_saturated_units_are_those_of_the_first_pictures():
    z = np.ones((2, 1, 40, 3))
    z[0, :, :32, 0] = -1  # zero for all pictures that are looked at
    z[1, :, :16, 1] = -1  # zero for half of them
    found = measured([np.ones(shape) for shape in SHAPES], z=z)
    np.testing.assert_allclose(found["dead_fraction"], [1 / 3, 0, np.nan])
    np.testing.assert_allclose(found["saturated_fraction"], [1 / 3, 1 / 6, np.nan])
    # Those of tanh lie beyond 2.18, where the slope is 0.05.
    z = np.where(z < 0, -2.2, 2.1)
    found = measured([np.ones(shape) for shape in SHAPES], z=z, activation="tanh")
    np.testing.assert_allclose(found["dead_fraction"], [0, 0, np.nan])
    np.testing.assert_allclose(found["saturated_fraction"], [1 / 3, 1 / 6, np.nan])


def test_the_identity_has_neither():
    found = measured([np.ones(shape) for shape in SHAPES], activation="linear")
    assert np.isnan(found["dead_fraction"]).all()
    assert np.isnan(found["saturated_fraction"]).all()
    np.testing.assert_allclose(found["activation_rms"], [0, 0, 1])
