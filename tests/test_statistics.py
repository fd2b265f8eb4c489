import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepxor import statistics
from deepxor.monitor.measure import gradients

RNG = np.random.default_rng(0)


def counted(norms):
    return statistics.bin_counts(gradients.log10_bins(tf.constant(norms)).numpy())


def test_log10_is_floored_and_nan_stays():
    norm = np.array([0, 1e-20, 1e-12, 1, 1e5, np.nan, np.inf], np.float32)
    expected = [-12, -12, -12, 0, 5, np.nan, np.inf]
    np.testing.assert_allclose(statistics.log10_norm(norm), expected, atol=2e-6)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6)),
        elements=st.floats(0, 1e10, width=32)
        | st.sampled_from([0.0, float("nan"), float("inf")]),
    )
)
def test_counts_lose_nothing_that_is_finite(norms):
    counts = counted(norms)
    assert counts.shape == (norms.shape[1], len(statistics.LOG10_EDGES) - 1)
    finite = np.isfinite(norms).sum(axis=(0, 2))
    np.testing.assert_array_equal(counts.sum(axis=1), finite)


def test_counts_are_numpys_histogram():
    norms = 10 ** RNG.uniform(-11, 5, (50, 3, 40)).astype(np.float32)
    counts = counted(norms)
    for layer in range(3):
        expected, _ = np.histogram(
            np.log10(norms[:, layer].astype(np.float64)), statistics.LOG10_EDGES
        )
        # A norm within rounding of an edge may count on either side of it.
        assert np.abs(counts[layer] - expected).sum() <= 4


def test_zeros_count_in_the_first_bin_and_powers_of_ten_above_their_edge():
    norms = np.array([0, 1e-12, 1e-3, 1, 1e6, 1e9], np.float32).reshape(6, 1, 1)
    (counts,) = counted(norms)
    occupied = {
        round(statistics.LOG10_EDGES[i], 6): counts[i] for i in counts.nonzero()[0]
    }
    assert occupied == {-12: 2, -3: 1, 0: 1, 5.8: 2}


def test_percentiles_and_means_are_of_the_finite_values():
    values = np.array([[1, 2, 3, np.nan], [np.inf, 5, 5, 5], [np.nan] * 4])
    (median,) = statistics.finite_percentiles(values, 50)
    np.testing.assert_array_equal(median, [2, 5, np.nan])
    np.testing.assert_array_equal(statistics.finite_mean(values), [2, 5, np.nan])
    low, high = statistics.finite_percentiles(np.arange(11.0), 10, 90)
    assert (low, high) == (1, 9)
