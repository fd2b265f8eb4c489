import logging

import numpy as np
import pytest
import tensorflow as tf

from deepxor.monitor.measure import gradients
from deepxor.monitor.measure.activations import largest_slope
from deepxor.monitor.measure.weights import weight_statistics
from deepxor.quantities import GRADIENT, names
from deepxor.statistics import LOG10_EDGES

RNG = np.random.default_rng(0)


def measure(*layers, is_compiled=False):
    """Returns the statistics of layers, each a list of arrays."""
    function = tf.function(
        lambda x: gradients.gradient_statistics(x, is_compiled),
        jit_compile=is_compiled,
    )
    return function([[tf.constant(g) for g in layer] for layer in layers]).numpy()


def statistics_of(*gradients, is_compiled=False):
    (values,) = measure(gradients, is_compiled=is_compiled)
    return dict(zip(names(GRADIENT), values, strict=True))


# What each quantity is of a layer's elements, all finite; the size of none counts as 1.
FORMULAS = {
    "norm": lambda flat, size: np.linalg.norm(flat),
    "mean_abs": lambda flat, size: np.abs(flat).sum() / size,
    "max_abs": lambda flat, size: np.abs(flat).max(initial=0),
    "zero_fraction": lambda flat, size: 1 - np.count_nonzero(flat) / size,
    "non_finite": lambda flat, size: 0,
}


def expected_of(gradients):
    flat = np.concatenate([np.zeros(0), *(g.ravel() for g in gradients)])
    size = max(flat.size, 1)
    return [FORMULAS[name](flat, size) for name in names(GRADIENT)]


# Above 2**16 elements, variables are measured one by one.
@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("size", [10, 50_000])
def test_statistics_are_numpys(size, is_compiled):
    gradients = [
        RNG.normal(size=(size, 3)).astype(np.float32),
        np.maximum(RNG.normal(size=size), 0).astype(np.float32),
    ]
    (found,) = measure(gradients, is_compiled=is_compiled)
    np.testing.assert_allclose(found, expected_of(gradients), rtol=1e-5)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("size", [1e-36, 1e-30, 1e-20, 1e-10, 1, 1e10, 1e18, 1e30])
def test_norms_neither_underflow_nor_overflow(size, is_compiled):
    gradient = np.array([3 * size, 0, -4 * size], np.float32)
    others = [np.ones(4, np.float32)], [], [np.zeros(2, np.float32)]
    found = measure([gradient], *others, is_compiled=is_compiled)
    np.testing.assert_allclose(found[:, 0], [5 * size, 2, 0, 0], rtol=1e-6)
    zeros = found[:, names(GRADIENT).index("zero_fraction")]
    np.testing.assert_allclose(zeros, [1 / 3, 0, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_nobody_is_warned_of_our_own_functions(is_compiled, caplog):
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    measure([np.ones(3, np.float32)], is_compiled=is_compiled)
    logger.removeHandler(caplog.handler)
    assert not caplog.records


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted_and_not_dropped(value, is_compiled):
    gradient = np.array([1.0, value, 0.0, value], np.float32)
    found = measure([gradient], [np.ones(4, np.float32)], is_compiled=is_compiled)
    np.testing.assert_allclose(found[1], expected_of([np.ones(4)]), rtol=1e-6)
    first = dict(zip(names(GRADIENT), found[0], strict=True))
    assert first["non_finite"] == 2
    for name in ("norm", "mean_abs", "max_abs"):
        assert not np.isfinite(first[name])


# Short ones are stacked by their sizes, long ones taken in pieces if they divide:
# 70,001 is a prime number.
@pytest.mark.parametrize("is_compiled", [False, True])
def test_layers_of_many_sizes_are_kept_apart(is_compiled):
    sizes = [[7, 7], [7], [70_001, 5], [2**17, 4096], [], [2**17], [5, 7, 4096]]
    layers = [
        [np.maximum(RNG.normal(size=n), 0).astype(np.float32) for n in row]
        for row in sizes
    ]
    layers[3][0][-1] = 100.0
    found = measure(*layers, is_compiled=is_compiled)
    for row, layer in zip(found, layers, strict=True):
        np.testing.assert_allclose(row, expected_of(layer), rtol=1e-5)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_what_is_not_finite_is_counted_in_long_vectors_too(is_compiled):
    gradient = np.ones(2**17, np.float32)
    gradient[[3, 70_000, -1]] = np.nan, np.inf, -np.inf
    other = np.full(2**17, 1e-30, np.float32)
    found = measure([gradient], [other], is_compiled=is_compiled)
    assert found[0, names(GRADIENT).index("non_finite")] == 3
    np.testing.assert_allclose(found[1, 0], 1e-30 * 2**8.5, rtol=1e-5)


def test_half_precision_is_measured_in_float32():
    found = statistics_of(np.array([300.0, 400.0] * 1000, np.float16))
    assert found["norm"] == pytest.approx(500 * np.sqrt(1000), rel=1e-6)


@pytest.mark.parametrize("is_compiled", [True, False])
def test_all_zeros_are_exactly_one_and_nothing_else_is(is_compiled):
    # n * (1 / n) is below 1 in float32 for 41, 47, 55 and others of these sizes.
    place = names(GRADIENT).index("zero_fraction")
    layers = [[np.zeros(size, np.float32)] for size in range(1, 60)]
    assert (measure(*layers, is_compiled=is_compiled)[:, place] == 1).all()
    # float32 cannot hold this size less 1.
    one = np.zeros(2**24 + 2, np.float32)
    one[7] = 1
    (found,) = measure([one], is_compiled=is_compiled)
    assert 0.999 < found[place] < 1


def test_no_gradient_is_all_zeros():
    assert statistics_of()["norm"] == 0 and statistics_of()["zero_fraction"] == 1


def test_an_update_of_nothing_is_no_update():
    zero, one = tf.zeros([3]), tf.ones([3])

    def statistics(before, after):
        return weight_statistics([before], [after])

    np.testing.assert_array_equal(statistics(zero, zero), [0, 0])
    np.testing.assert_array_equal(statistics(zero, one), [0, np.inf])
    np.testing.assert_allclose(statistics(one, 3 * one), [np.sqrt(3), 2], rtol=1e-6)


def test_histograms_count_as_numpy_does():
    elements = np.concatenate(
        [10 ** RNG.uniform(-14, 8, 1000), [0, np.nan, np.inf]]
    ).astype(np.float32)
    counts = gradients.log10_counts([tf.constant(elements)])
    finite = elements[:-2].astype(np.float64)
    logs = np.clip(np.log10(np.maximum(finite, 1e-13)), -12, 5.999)
    expected, _ = np.histogram(logs, LOG10_EDGES)
    # Within a rounding of an edge either bin will do.
    assert np.abs(counts.numpy() - expected).sum() <= 4
    assert counts.numpy().sum() == 1001


def test_largest_slopes():
    # Derivatives at their peaks: 1/4, 1, 1.0507 * 1.67326, and gelu's near 1.13.
    expected = {"sigmoid": 0.25, "tanh": 1, "selu": 1.7581, "gelu": 1.129}
    for name, slope in expected.items():
        function = getattr(tf.keras.activations, name)
        # On a grid of hundredths, beside selu's kink.
        assert largest_slope(function) == pytest.approx(slope, rel=0.02)
