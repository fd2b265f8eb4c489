import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepxor.monitor.measure.pool import Looked, Pool

RNG = np.random.default_rng(0)
ROWS = np.array([0, 0, 0, 2, 2])


def looked(outputs, pair=()):
    return Looked(len(outputs), (outputs == 0).all(axis=0), pair)


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


def test_pairs_are_put_together():
    pool = Pool(np.zeros(0, int), 0, enough=8)
    pairs = [(RNG.normal(size=(n, 1)), RNG.normal(size=(n, 2))) for n in (3, 4, 2)]
    for pair in pairs:
        pool.add(Looked(len(pair[0]), np.zeros(0, bool), pair))
    for found, parts in zip(pool.pair(), zip(*pairs, strict=True), strict=True):
        np.testing.assert_array_equal(found, np.concatenate(parts))
    pool.keep_latest()
    assert pool.samples == 2


def test_of_nothing_nothing_is_known():
    assert np.isnan(Pool(ROWS, 3, 32).dead_fraction()).all()
