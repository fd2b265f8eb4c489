import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from deepxor.facts import INPUT_FACTS
from deepxor.monitor.measure.facts import input_facts
from deepxor.monitor.measure.pool import Looked, Pool, pooled_inputs

RNG = np.random.default_rng(0)
ROWS = np.array([0, 0, 0, 2, 2])


def looked(outputs):
    return Looked(len(outputs), (outputs == 0).all(axis=0), {})


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=12))
def test_units_are_dead_that_are_zero_for_all_samples_taken_together(sizes):
    batches = [np.maximum(RNG.normal(size=(n, 5)) - 1, 0) for n in sizes]
    pool = Pool(ROWS, 3, enough=32)
    for batch in batches:
        pool.add(looked(batch))
    # The latest batches that have 32 samples together, or all.
    taken = []
    for batch in reversed(batches):
        if sum(map(len, taken)) >= 32:
            break
        taken.append(batch)
    silent = (np.concatenate(taken) == 0).all(axis=0)
    assert pool.samples == sum(map(len, taken))
    expected = [silent[:3].mean(), np.nan, silent[3:].mean()]
    np.testing.assert_allclose(pool.dead_fraction(), expected, rtol=1e-6)


def test_outputs_are_put_together():
    pool = Pool(np.zeros(0, int), 0, enough=8)
    pairs = [(RNG.normal(size=(n, 1)), RNG.normal(size=(n, 2))) for n in (3, 4, 2)]
    for pair in pairs:
        pool.add(Looked(len(pair[0]), np.zeros(0, bool), {"a": pair, "b": ()}))
    for latest in (None, 1, 2):
        found = pool.outputs(latest)
        assert list(found) == ["a"]  # of b no samples are kept
        expected = zip(*pairs[-(latest or 3) :], strict=True)
        for arrays, parts in zip(found["a"], expected, strict=True):
            np.testing.assert_array_equal(arrays, np.concatenate(parts))
    pool.keep_latest()
    assert pool.samples == 2


def test_facts_of_inputs_are_those_of_all_samples():
    batches = [RNG.normal(3, 2, (n, 4)) for n in (5, 2, 30)]
    batches[1][0, 0] = np.nan
    tables = [input_facts(tf.constant(x)).numpy()[:, None] for x in batches]
    found = pooled_inputs(tables, [len(x) for x in batches])[:, 0]
    x = np.concatenate(batches)
    # The mean of batches is weighted by their samples, be there one NaN or not.
    expected = [np.nanmean(x), np.sqrt(np.nanmean(x**2)), np.nanmax(abs(x)), 1 / 148]
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_facts_of_inputs_do_not_overflow():
    x = np.array([[1e30, -3e30], [np.inf, np.nan]], np.float32)
    found = dict(
        zip(
            [f.name for f in INPUT_FACTS],
            input_facts(tf.constant(x)).numpy(),
            strict=True,
        )
    )
    np.testing.assert_allclose(found["input_rms"], np.sqrt(5) * 1e30, rtol=1e-5)
    np.testing.assert_allclose(found["input_mean"], -1e30, rtol=1e-5)
    assert found["input_max"] == np.float32(3e30)
    assert found["input_non_finite"] == 0.5


def test_of_nothing_nothing_is_known():
    assert np.isnan(Pool(ROWS, 3, 32).dead_fraction()).all()
