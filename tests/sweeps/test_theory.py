"""The theory beside closed forms, published numbers and wide random networks."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import multivariate_normal

from deepxor.backprop.mean_field import next_variance
from deepxor.sweeps import theory
from deepxor.sweeps.theory import ACTIVATIONS, propagate, wide_layer

CORRELATIONS = [-0.99, 0.0, 0.3, 0.9, 0.999, 1 - 1e-6, 1.0]

# sigma_w^2 and xi_c of the file depth_scale.npz of github.com/ghliu/mean-field-fcdnn,
# a reproduction of fig. 5 of Schoenholz et al. 2017: tanh, sigma_b^2 = 0.05.
PUBLISHED = {
    1.0: 3.62697316,
    1.2448979591836735: 6.70515576,
    1.4285714285714286: 11.87175726,
    1.5510204081632653: 20.19686919,
    1.9183673469387754: 35.39859631,
    2.0408163265306123: 22.33870794,
    2.2857142857142856: 14.45471797,
    2.7142857142857144: 10.29416,
    3.142857142857143: 8.60454706,
    3.5714285714285716: 7.63459082,
    4.0: 6.98030292,
}


def test_the_depth_scale_is_the_published_one_to_three_digits():
    xi_c = propagate("tanh", list(PUBLISHED), 0.05).xi_c
    np.testing.assert_allclose(xi_c, list(PUBLISHED.values()), rtol=5e-4)


def test_next_to_the_critical_point_the_depth_scale_is_scipys():
    """Where the published number, 54.07, is that of a search that ended too early.

    SciPy's integrals over the plane, and a fixed point that is checked, not searched.
    """
    sigma_w2, sigma_b2 = 1.8571428571428572, 0.05
    point = propagate("tanh", sigma_w2, sigma_b2)
    q, c = float(point.q), float(point.c)

    def mean(function):
        return dblquad(
            lambda y, x: (
                function(np.sqrt(q) * x)
                * function(np.sqrt(q) * (c * x + np.sqrt(1 - c**2) * y))
                * np.exp(-0.5 * (x**2 + y**2))
                / (2 * np.pi)
            ),
            -9, 9, -9, 9, epsabs=1e-10, epsrel=1e-10,
        )[0]  # fmt: skip

    mapped = (sigma_w2 * mean(np.tanh) + sigma_b2) / q
    assert mapped == pytest.approx(c, abs=1e-9)
    slope = sigma_w2 * mean(lambda u: np.cosh(u) ** -2)
    assert -1 / np.log(slope) == pytest.approx(float(point.xi_c), rel=1e-6)
    assert float(point.xi_c) == pytest.approx(54.40, abs=0.005)


@pytest.mark.parametrize("q", [1e-6, 0.3, 3.0, 100.0])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_products_of_error_functions_are_williams(q, c):
    """Williams 1997, "Computing with infinite networks", of two inputs."""
    value, slope = ACTIVATIONS["erf"]
    expected = 2 / np.pi * np.arcsin(2 * q * c / (1 + 2 * q))
    of_slopes = 4 / np.pi / np.sqrt((1 + 2 * q) ** 2 - (2 * q * c) ** 2)
    assert theory.mean_product(value, q, c) == pytest.approx(expected, abs=1e-8)
    assert theory.mean_product(slope, q, c) == pytest.approx(of_slopes, abs=1e-8)


@pytest.mark.parametrize("q", [1e-6, 1.0, 100.0])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_products_of_relus_are_arc_cosine_kernels(q, c):
    """Cho & Saul 2009, "Kernel methods for deep learning", of degree 1 and 0."""
    value, slope = ACTIVATIONS["relu"]
    angle = np.arccos(c)
    degree_1 = np.sin(angle) + (np.pi - angle) * np.cos(angle)
    assert theory.mean_product(value, q, c) / q == pytest.approx(
        degree_1 / (2 * np.pi), abs=1e-10
    )
    assert theory.mean_product(slope, q, c) == pytest.approx(
        (np.pi - angle) / (2 * np.pi), abs=1e-8
    )


@pytest.mark.parametrize("c", CORRELATIONS)
def test_the_product_of_linear_units_is_their_covariance(c):
    value, slope = ACTIVATIONS["linear"]
    assert theory.mean_product(value, 0.7, c) == pytest.approx(0.7 * c, abs=1e-12)
    assert theory.mean_product(slope, 0.7, c) == pytest.approx(1)


@pytest.mark.parametrize("c", [0.2, 0.95])
def test_the_product_of_tanhs_is_scipys(c):
    q = 2.0
    density = multivariate_normal([0, 0], [[q, q * c], [q * c, q]]).pdf
    grid = np.linspace(-14, 14, 1401)
    u, v = np.meshgrid(grid, grid)
    # The trapezoidal rule is exact to rounding for smooth functions that fade away.
    values = np.tanh(u) * np.tanh(v) * density(np.dstack([u, v]))
    expected = values.sum() * (grid[1] - grid[0]) ** 2
    assert theory.mean_product(np.tanh, q, c) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("q", [0.05, 0.8, 5.0])
def test_slopes_of_the_maps_are_differences(activation, q):
    layer = wide_layer(activation, 1.7, 0.1)
    step = 1e-5 * q
    above, below = next_variance(layer, np.array([q + step, q - step]))
    assert theory.variance_slope(layer, q) == pytest.approx(
        (above - below) / (2 * step), rel=1e-6
    )
    above, below = (theory.next_correlation(layer, q, 0.4 + d) for d in (1e-5, -1e-5))
    slope = layer.sigma_w2 * theory.mean_product(layer.slope, q, 0.4)
    assert slope == pytest.approx((above - below) / 2e-5, rel=1e-6)


def test_steins_lemma_gives_the_slope_that_schoenholz_write():
    """chi_q = chi_1 + sigma_w^2 E[phi'' phi], with the second derivative of tanh."""
    point = propagate("tanh", 1.5, 0.05)
    q = float(point.q)

    def product(u):
        z = np.sqrt(q) * u
        second = -2 * np.tanh(z) * np.cosh(z) ** -2
        return second * np.tanh(z) * np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)

    expected = float(point.chi_1) + 1.5 * quad(product, -12, 12)[0]
    assert float(point.chi_q) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("activation", ["tanh", "erf"])
@pytest.mark.parametrize("sigma_b2", [0.0, 0.05])
def test_c_is_where_iteration_ends(activation, sigma_b2):
    for sigma_w2 in (2.0, 2.5, 4.0):
        point = propagate(activation, sigma_w2, sigma_b2)
        layer, c = wide_layer(activation, sigma_w2, sigma_b2), 0.5
        for _ in range(600):
            c = theory.next_correlation(layer, float(point.q), c)
        assert float(point.c) == pytest.approx(c, abs=1e-7)


def test_the_sides_of_the_critical_line():
    edge = theory.critical_variance("tanh", 0.05)
    point = propagate("tanh", [edge - 1e-3, edge, edge + 1e-3], 0.05)
    assert point.phase.tolist() == ["ordered", "critical", "chaotic"]
    assert point.c[0] == 1 and point.c[2] < 1
    assert point.chi_1[1] == pytest.approx(1, abs=1e-9)
    assert min(point.xi_c) > 500


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("tanh", 1.0), ("relu", 2.0), ("linear", 1.0), ("erf", np.pi / 4)],
)
def test_the_critical_point_without_biases_is_one_over_the_squared_slope(
    activation, expected
):
    assert theory.critical_variance(activation, 0.0) == pytest.approx(expected)


def test_biases_do_not_move_the_critical_line_of_relu():
    assert theory.critical_variance("relu", 0.05) == pytest.approx(2)
    assert propagate("relu", 1.9, 0.05).phase == "ordered"
    assert propagate("relu", 2.1, 0.05).phase == "chaotic"


def test_the_critical_line_of_erf_is_on_both_of_its_equations():
    """With closed forms: E[phi'^2] = 4 / (pi sqrt(1 + 4 q))."""
    sigma_b2 = 0.3
    sigma_w2 = theory.critical_variance("erf", sigma_b2)
    q = ((4 * sigma_w2 / np.pi) ** 2 - 1) / 4
    variance = sigma_w2 * 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)) + sigma_b2
    assert variance == pytest.approx(q, rel=1e-8)


def test_relu_below_its_critical_point_has_closed_forms():
    point = propagate("relu", 1.5, 0.05)
    assert float(point.q) == pytest.approx(0.05 / (1 - 1.5 / 2), rel=1e-8)
    assert point.c == 1
    for scale in (point.xi_c, point.xi_q):
        assert float(scale) == pytest.approx(-1 / np.log(0.75))


def test_what_vanishes_and_what_explodes():
    point = propagate("relu", [1.0, 2.5], 0.0)
    assert point.q.tolist() == [0, np.inf]
    assert point.xi_c[0] == pytest.approx(-1 / np.log(0.5))
    assert np.isnan(point.xi_c[1]) and np.isnan(point.xi_q[1])
    shrinking = propagate("tanh", 0.8, 0.0)
    assert shrinking.q == 0 and shrinking.phase == "ordered"
    assert float(shrinking.xi_c) == pytest.approx(-1 / np.log(0.8))


def test_variances_of_kernels_and_biases_are_broadcast():
    grid = propagate("tanh", np.array([[1.0], [2.0]]), np.array([0.0, 0.05, 0.1]))
    assert grid.q.shape == grid.xi_c.shape == grid.phase.shape == (2, 3)
    assert grid.xi_c[1, 1] == propagate("tanh", 2.0, 0.05).xi_c


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="`activation` must be one of tanh, erf, relu"):
        propagate("maxout", 1.0, 0.0)


@pytest.mark.parametrize(
    ("activation", "sigma_w2", "sigma_b2"),
    [("tanh", 1.3, 0.05), ("tanh", 3.0, 0.05), ("erf", 2.0, 0.1), ("relu", 1.6, 0.2)],
)
def test_a_wide_random_network_does_what_the_maps_say(activation, sigma_w2, sigma_b2):
    """Layer by layer from a variance and a correlation away from their fixed points."""
    rng = np.random.default_rng(3)
    width, networks, depth = 400, 12, 8
    layer = wide_layer(activation, sigma_w2, sigma_b2)
    q, c = 1.0, 0.3
    pairs = rng.normal(size=(networks, 2, width))
    pairs /= np.sqrt(np.mean(pairs**2, axis=-1, keepdims=True))
    pairs[:, 1] = c * pairs[:, 0] + np.sqrt(1 - c**2) * pairs[:, 1]
    for _ in range(depth):
        kernels = rng.normal(0, (sigma_w2 / width) ** 0.5, (networks, width, width))
        biases = rng.normal(0, sigma_b2**0.5, (networks, 1, width))
        pairs = layer.activation(pairs) @ kernels + biases
        covariance = sigma_w2 * theory.mean_product(layer.activation, q, c) + sigma_b2
        q = float(next_variance(layer, np.array(q)))
        c = covariance / q
        # Samples that are drawn once more differ from the mean by about 2 %.
        assert np.mean(pairs**2) == pytest.approx(q, rel=0.08)
        assert np.mean(pairs[:, 0] * pairs[:, 1]) / q == pytest.approx(c, abs=0.06)
