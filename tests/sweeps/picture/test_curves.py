"""The theory's curves: where they lie, and where there are none."""

import numpy as np
import pytest

from deepxor.sweeps.axis import Axis, parse_axis
from deepxor.sweeps.picture.curves import theory_curves
from deepxor.sweeps.picture.map import draw
from deepxor.sweeps.theory import critical_variance, propagate
from tests.sweeps.picture.maps import cells_of

DEPTH = parse_axis("depth=10:100:10")
WEIGHT = parse_axis("weight_variance=1:4:0.25")
BIAS = parse_axis("bias_variance=0.001:1:log7")
TANH = {"activation": "tanh", "bias_variance": 0.05}

# The smallest depth at which the accuracy is below one half, by sigma_w^2, in the file
# train_acc.npz of github.com/ghliu/mean-field-fcdnn: MNIST, width 300, 200 steps.
PUBLISHED_ORDERED = {1.1011236: 29, 1.20224719: 41, 1.30337079: 51, 1.40449438: 53}
PUBLISHED_CHAOTIC = {
    2.21348315: 74, 2.51685393: 60, 2.82022472: 47, 3.12359551: 41, 3.42696629: 35,
    3.73033708: 34, 4.0: 31,
}  # fmt: skip


@pytest.mark.parametrize("axes", [(DEPTH, WEIGHT), (WEIGHT, DEPTH)])
def test_curves_are_multiples_of_the_depth_scale(axes):
    ordered, chaotic, critical = theory_curves(axes, TANH)
    assert ordered.label == "6.2 ξ_c, ordered"
    assert chaotic.label == "4.65 ξ_c, chaotic"
    for curve, multiple in ((ordered, 6.2), (chaotic, 4.65)):
        expected = (
            multiple * propagate("tanh", curve.values["weight_variance"], 0.05).xi_c
        )
        np.testing.assert_allclose(curve.values["depth"], expected)
        assert len(expected) > 40
    edge = critical_variance("tanh", 0.05)
    assert max(ordered.values["weight_variance"]) < edge
    assert min(chaotic.values["weight_variance"]) > edge
    np.testing.assert_allclose(critical.values["weight_variance"], edge)


def test_the_published_boundary_lies_near_the_curves():
    ordered, chaotic, _ = theory_curves((DEPTH, WEIGHT), TANH)
    for curve, published in (
        (ordered, PUBLISHED_ORDERED),
        (chaotic, PUBLISHED_CHAOTIC),
    ):
        weights, depths = np.array(list(published.items())).T
        drawn = np.interp(weights, *map(curve.values.get, ("weight_variance", "depth")))
        np.testing.assert_allclose(drawn, depths, rtol=0.35)
        assert np.median(drawn / depths) == pytest.approx(1, abs=0.1)


def test_relu_has_a_curve_on_the_ordered_side_alone():
    ordered, critical = theory_curves(
        (DEPTH, WEIGHT), {"activation": "relu", "bias_variance": 0.0}
    )
    weights = ordered.values["weight_variance"]
    np.testing.assert_allclose(
        ordered.values["depth"], 6.2 * -1 / np.log(weights / 2), rtol=1e-6
    )
    np.testing.assert_allclose(critical.values["weight_variance"], 2)


def test_the_critical_line_over_both_variances():
    (line,) = theory_curves((WEIGHT, BIAS), {"activation": "tanh"})
    signals = propagate(
        "tanh", line.values["weight_variance"], line.values["bias_variance"]
    )
    np.testing.assert_allclose(signals.chi_1, 1, rtol=1e-7)
    assert min(line.values["bias_variance"]) < 0.001
    assert max(line.values["bias_variance"]) > 1


@pytest.mark.parametrize(
    ("axes", "fixed"),
    [
        ((DEPTH, parse_axis("width=2:8:2")), TANH),
        ((DEPTH,), TANH),
        ((WEIGHT, Axis("activation", ("relu", "tanh"))), TANH),
        ((DEPTH, WEIGHT), {"activation": "maxout", "bias_variance": 0.05}),
        ((DEPTH, WEIGHT), {"activation": "tanh"}),
        ((DEPTH, WEIGHT), {"activation": "tanh", "bias_variance": None}),
        ((DEPTH, WEIGHT), {**TANH, "residual": True}),
        ((DEPTH, WEIGHT), {}),
    ],
)
def test_where_theory_does_not_apply_there_are_no_curves(axes, fixed):
    assert theory_curves(axes, fixed) == []


def test_curves_that_miss_the_cells_are_not_in_the_legend():
    axes = parse_axis("depth=2:8:2"), parse_axis("weight_variance=1:1.5:0.1")
    curves = theory_curves(axes, TANH)
    assert [curve.side for curve in curves] == ["ordered"]
    assert not draw(cells_of(*axes), curves).legends
    deeper = parse_axis("depth=2:80:2"), axes[1]
    (legend,) = draw(cells_of(*deeper), theory_curves(deeper, TANH)).legends
    assert [text.get_text() for text in legend.get_texts()] == ["6.2 ξ_c, ordered"]
