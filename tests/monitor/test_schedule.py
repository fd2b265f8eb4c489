import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from deepxor.monitor.schedule import FULL_EVERY, FULL_RECORDS, Detail, Schedule, Sparse


class Device:
    """Counts steps, and how often its counter is read."""

    def __init__(self, step):
        self.step, self.reads = step, 0

    def read(self):
        self.reads += 1
        return self.step


def run(schedule, device, every, calls):
    """Returns the records in calls that were not announced, and those announced."""
    missed, announced = [], 0
    for steps in calls:
        is_due = schedule.detail() is not Detail.NONE
        records = [s for s in range(device.step, device.step + steps) if s % every == 0]
        device.step += steps
        schedule.count_call()
        announced += is_due
        if is_due:
            schedule.look()
        else:
            missed += records
    return missed, announced


@given(every=st.integers(1, 50), start=st.integers(0, 200), calls=st.integers(1, 200))
def test_calls_of_one_step_are_announced_exactly(every, start, calls):
    device = Device(start)
    schedule = Schedule(every, device.read, 1)
    missed, announced = run(schedule, device, every, [1] * calls)
    records = sum(s % every == 0 for s in range(start, start + calls))
    assert not missed and announced == records
    # Once at first, and then at records only.
    assert device.reads == 1 + records


@given(
    every=st.integers(1, 50),
    start=st.integers(0, 200),
    several=st.integers(2, 9),
    data=st.data(),
)
def test_no_record_is_missed_in_calls_of_several_steps(every, start, several, data):
    calls = data.draw(st.lists(st.integers(1, several), max_size=50))
    device = Device(start)
    missed, _ = run(Schedule(every, device.read, several), device, every, calls)
    assert not missed


def test_a_step_of_somebodys_own_with_two_updates_is_found_out():
    device = Device(0)
    schedule = Schedule(10, device.read, 1)
    missed, _ = run(schedule, device, 10, [2] * 100)
    assert not missed  # step 0 is a record, and shows it


def test_a_step_of_somebodys_own_without_an_update_is_found_out():
    device = Device(0)
    missed, _ = run(Schedule(10, device.read, 1), device, 10, [1, 0] * 100)
    assert len(missed) <= 1  # until the first look after it


@given(start=st.integers(0, 10**6), every=st.integers(1, 9), steps=st.integers(9, 999))
def test_what_is_rare_is_in_the_latter_third_of_any_fit(start, every, steps):
    sparse = Sparse(start)
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
    device = Device(start)
    schedule = Schedule(every, device.read, 1)
    full = []
    for step in range(start, start + calls):
        if schedule.detail() is Detail.FULL:
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
