import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from deepxor.monitor.schedule import (
    FULL_EVERY,
    FULL_RECORDS,
    BackoffSchedule,
    Detail,
    Schedule,
)
from deepxor.record_steps import is_record


def run(schedule, calls, every):
    """Returns the records in calls that were not announced, and those announced."""
    missed, announced, step = [], 0, schedule.step
    for steps in calls:
        is_due = schedule.detail() is not Detail.NONE
        records = [s for s in range(step, step + steps) if schedule.is_record(s)]
        step += steps
        schedule.go_to(step)
        announced += is_due
        if not is_due:
            missed += records
    return missed, announced


def started(every, start, steps_per_call=1):
    schedule = Schedule(every, steps_per_call)
    schedule.start(start)
    return schedule


@given(every=st.integers(1, 50), start=st.integers(0, 200), calls=st.integers(1, 200))
def test_calls_of_one_step_are_announced_exactly(every, start, calls):
    missed, announced = run(started(every, start), [1] * calls, every)
    records = sum(is_record(s, every) for s in range(start, start + calls))
    assert not missed and announced == records


@given(
    every=st.integers(1, 50),
    start=st.integers(0, 200),
    several=st.integers(2, 9),
    data=st.data(),
)
def test_no_record_is_missed_in_calls_of_several_steps(every, start, several, data):
    calls = data.draw(st.lists(st.integers(1, several), max_size=50))
    missed, _ = run(started(every, start, several), calls, every)
    assert not missed


@given(every=st.integers(1, 200), looks=st.integers(0, 40))
def test_more_looks_are_at_most_a_tenth_of_all_steps(every, looks):
    schedule = started(every, 0)
    full = 0
    for _ in range(20 * every):
        # An early record is a look, too.
        is_look = schedule.looks_again
        detail = schedule.detail()
        if schedule.step % every == 0:
            schedule.look_again(looks)
        else:
            full += detail is Detail.FULL and is_look
        schedule.count_call()
    assert full <= 20 * every / 10
    assert full == 20 * min(looks, every // 10)


@given(start=st.integers(0, 10**6), every=st.integers(1, 9), steps=st.integers(9, 999))
def test_what_is_rare_is_in_the_latter_third_of_any_fit(start, every, steps):
    sparse = BackoffSchedule(start)
    records = range(-(-start // every) * every, start + steps, every)
    due = [step for step in records if sparse.is_due(step)]
    assert due[0] == records[0]
    if len(records) >= 3:
        assert due[-1] >= records[-(len(records) // 3) - 1]
    assert len(due) <= 9 + math.log(steps, 1.25)


@given(
    every=st.integers(1, 60),
    calls=st.integers(1, 500),
    start=st.sampled_from([0, 6000]),
)
def test_activations_and_weights_come_at_first_and_then_more_rarely(
    every, calls, start
):
    schedule = started(every, start)
    full = []
    for step in range(start, start + calls):
        if schedule.detail() is Detail.FULL and step % every == 0:
            full.append(step)
        schedule.count_call()
    records = [s for s in range(start, start + calls) if s % every == 0]
    assert full[:FULL_RECORDS] == records[:FULL_RECORDS]
    late = full[FULL_RECORDS - 1 :]
    for a, b in itertools.pairwise(late):
        pause = min((a - start) // 4 + 1, FULL_EVERY)
        assert b == next(step for step in records if step >= a + pause)
    assert len(full) == len(records) or every < FULL_EVERY
    if len(records) >= 3:  # what a diagnosis looks at
        assert full[-1] >= records[-(len(records) // 3) - 1]


@given(every=st.integers(1, 60), start=st.sampled_from([0, 100, 6000]))
def test_the_early_records_take_nothing_from_the_regular_ones(every, start):
    """The records that diagnoses look at are as full as they were without others."""
    schedule, full = started(every, start), []
    for step in range(start, start + 500):
        detail = schedule.detail()
        if step % every == 0 and detail is Detail.FULL:
            full.append(step)
        schedule.count_call()
    # The same rule on the regular records alone, written out.
    expected, last, records = [], 0, 0
    for step in range(-(-start // every) * every, start + 500, every):
        pause = min(1 + (last - start) // 4, FULL_EVERY)
        if records < FULL_RECORDS or step - last >= pause:
            expected.append(step)
            last, records = step, records + 1
    assert full == expected


def test_calls_of_several_steps_record_the_regular_steps_only():
    schedule = started(10, 0, steps_per_call=4)
    assert [s for s in range(50) if schedule.is_record(s)] == [0, 10, 20, 30, 40]
