import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from deepxor.events import gradient_flow
from deepxor.events.downsample import DownsampledSeries
from deepxor.events.writer import SummaryWriter


def table(value, non_finite=0):
    found = gradient_flow.table(2, {"norm_log10": np.full(2, value)})
    found[gradient_flow.QUANTITIES.index("non_finite")] = non_finite
    return found


def decoded(step, rows):
    tables = rows[:, 1:].reshape(len(rows), len(gradient_flow.QUANTITIES), -1)
    return (step - rows[:, 0]).tolist(), tables


def overview_of(tables):
    overview = DownsampledSeries()
    steps, shown, ends = [], [], []
    for step, record in enumerate(tables):
        rows = overview.add(step, record)
        if rows is not None:
            found = decoded(step, rows)
            ends.append(step)
            steps += found[0]
            shown += list(found[1])
    return ends, steps, np.array(shown)


@pytest.mark.parametrize(("records", "tensors"), [(10_000, 62), (100_000, 95)])
def test_all_tensors_are_few_enough_for_tensorboard_to_keep(records, tensors):
    ends, steps, shown = overview_of([table(i) for i in range(records)])
    assert len(ends) <= tensors
    assert steps == sorted(set(steps)) and steps[0] == 0
    # No stretch is left out but the one still open.
    gaps = np.diff([*steps, ends[-1]]) / np.maximum(192, steps)
    assert gaps.max() <= 1 / 192 + 2 / 192
    assert ends[-1] > records * 12 / 13 - 16
    np.testing.assert_array_equal(shown[:, 0, 0], steps)


def test_a_record_that_is_not_finite_is_kept():
    bad = {3: 1, 4321: 1, 7000: np.nan}
    _, steps, _ = overview_of(
        [
            table(np.nan if np.isnan(bad.get(i, 0)) else 0, bad.get(i, 0) == 1)
            for i in range(9_000)
        ]
    )
    assert set(bad) <= set(steps)


def test_what_is_measured_now_and_then_stands_until_the_next():
    tables = [table(0) for _ in range(32)]
    row = gradient_flow.QUANTITIES.index("dead_fraction")
    for step in (5, 21):
        tables[step][row] = step
    _, steps, shown = overview_of(tables)
    wanted = [np.nan if s < 5 else 5 if s < 21 else 21 for s in steps]
    np.testing.assert_array_equal(shown[:, row, 0], wanted)


def tensors(folder, tag):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    content = accumulator.SummaryMetadata(tag).plugin_data.content
    events = accumulator.Tensors(tag)
    arrays = [tensor_util.make_ndarray(event.tensor_proto) for event in events]
    return content, [event.step for event in events], arrays


def test_a_run_that_is_taken_up_has_the_overview_of_one_never_interrupted(tmp_path):
    values = [{"norm_log10": np.array([step, -step])} for step in range(200)]
    whole = SummaryWriter(tmp_path / "whole")
    for step, quantities in enumerate(values):
        whole.flow(["a", "b"], quantities, step)
    whole.flow_diagnosis({"verdict": "healthy"}, 199)
    whole.close()
    first = SummaryWriter(tmp_path / "cut")
    for step in range(105):
        first.flow(["a", "b"], values[step], step)
    first.close()
    second = SummaryWriter(tmp_path / "cut")
    tables = np.array([gradient_flow.table(2, q) for q in values[:105]])
    second.continue_flow(["a", "b"], np.arange(105), tables)
    for step in range(105, 200):
        second.flow(["a", "b"], values[step], step)
    second.flow_diagnosis({"verdict": "healthy"}, 199)
    second.close()
    for tag in (gradient_flow.TAG, gradient_flow.OVERVIEW_TAG):
        wanted, found = (tensors(tmp_path / run, tag) for run in ("whole", "cut"))
        assert found[:2] == wanted[:2]
        for a, b in zip(found[2], wanted[2], strict=True):
            np.testing.assert_array_equal(a, b)
    shown = zip(*found[1:], strict=True)
    steps = [step for event, rows in shown for step in decoded(event, rows)[0]]
    assert steps == list(range(200))
