"""Where values and cells lie along the axes of a map."""

import numpy as np
import pytest

from deepxor.sweeps.axis import Axis, parse_axis
from deepxor.sweeps.picture.layout import Layout
from deepxor.sweeps.picture.scale import Scale
from tests.sweeps.picture.maps import cells_of


def test_cells_of_uneven_values_meet_half_way():
    scale = Scale.of(Axis("depth", (8, 2, 4)))
    assert scale.order.tolist() == [1, 2, 0]
    assert scale.places.tolist() == [2, 4, 8]
    assert scale.edges.tolist() == [1, 3, 6, 10]


def test_factors_are_equal_steps_on_a_logarithmic_axis():
    scale = Scale.of(parse_axis("learning_rate=0.01:100:log5"))
    np.testing.assert_allclose(scale.edges, np.arange(-2.5, 3), atol=1e-12)
    np.testing.assert_allclose(scale.values(scale.places), scale.axis.values)
    np.testing.assert_allclose(scale.coordinates(np.array([10.0])), [1.0])


def test_a_zero_makes_an_axis_linear():
    scale = Scale.of(Axis("bias_variance", (0, 1, 2), is_log=True))
    assert not scale.is_log and scale.edges.tolist() == [-0.5, 0.5, 1.5, 2.5]


@pytest.mark.parametrize("values", [("relu", "tanh"), (True, False)])
def test_names_lie_in_their_order(values):
    scale = Scale.of(Axis("activation", values))
    assert scale.places.tolist() == [0, 1] and not scale.is_numeric


@pytest.mark.parametrize(
    ("first", "second", "vertical"),
    [
        ("depth", "width", "depth"),
        ("width", "depth", "depth"),
        ("activation", "depth", "depth"),
        ("depth", "activation", "depth"),
        ("activation", "width", "activation"),
        ("width", "activation", "activation"),
        ("width", "bits", "bits"),
    ],
)
def test_depth_is_vertical_or_else_names_are(first, second, vertical):
    def axis(name):
        return Axis(name, ("relu", "elu") if name == "activation" else (2, 3, 5))

    layout = Layout.of(cells_of(axis(first), axis(second)))
    assert layout.y.axis.name == vertical
    assert {layout.x.axis.name, layout.y.axis.name} == {first, second}


@pytest.mark.parametrize("names", [("depth", "width"), ("width", "depth")])
def test_each_cell_lies_where_its_values_are(names):
    values = {"depth": (9, 3, 6), "width": (4, 2)}
    cells = cells_of(*(Axis(name, values[name]) for name in names))
    layout = Layout.of(cells)
    assert layout.grid("depth").tolist() == [[3, 3], [6, 6], [9, 9]]
    assert layout.grid("width").tolist() == [[2, 4]] * 3
