"""Which steps are records."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepxor.record_steps import (
    DENSE,
    EARLY_STEPS,
    is_full,
    is_record,
    is_regular,
    next_record,
)


def test_records_are_dense_at_first_and_ever_rarer_after():
    steps = [step for step in range(100_000) if is_record(step, 10**9)]
    assert steps[: DENSE + 1] == list(range(DENSE + 1))
    growth = np.array(steps[DENSE + 1 :]) / steps[DENSE:-1]
    # A rounded step is off by at most a half.
    np.testing.assert_allclose(growth, 2**0.25, atol=1 / DENSE)
    assert len(steps) == len(set(steps)) and max(EARLY_STEPS) < 2**31


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_next_record_is_the_first_that_is_one(step, every):
    found = next_record(step, every)
    assert found >= step and is_record(found, every)
    assert found - step < every
    assert not any(
        is_record(each, every) for each in range(step, min(found, step + 50))
    )


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_full_and_regular_records_are_records(step, every):
    powers = {0, *(2**k for k in range(20))}
    assert is_full(step, every) == (step in powers or step % every == 0)
    assert is_record(step, every) or not (
        is_full(step, every) or is_regular(step, every)
    )
