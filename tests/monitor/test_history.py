"""The history in memory is bounded, with all that it holds."""

import tracemalloc

import numpy as np
import pytest

from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS
from deepxor.monitor.history import MAX_BYTES, BatchFacts, History
from deepxor.quantities import names


def test_the_history_is_bounded_and_keeps_its_ends():
    history = History(["layer"] * 100)
    table = np.zeros((len(names()), 100), np.float32)
    for step in range(20_000):
        history.add(step, table, 0.0, 0.0)
    assert len(history) * table.nbytes <= MAX_BYTES and history.regular == 20_000
    assert history.steps[:8] == list(range(8))
    assert history.steps[-50:] == list(range(19_950, 20_000))
    assert history.steps == sorted(history.steps)


@pytest.mark.parametrize(("layers", "outputs"), [(1, 0), (1, 2), (40, 1)])
def test_what_the_history_takes_is_bounded_with_all_that_python_takes(
    layers, outputs, monkeypatch
):
    limit = 2**20
    monkeypatch.setattr("deepxor.monitor.history.MAX_BYTES", limit)
    history, shape = History(["layer"] * layers), (len(names()), layers)
    tracemalloc.start()
    try:
        for step in range(6000):
            facts = BatchFacts(
                step / 3,
                {f"out{i}": np.full(len(OUTPUT_FACTS), step) for i in range(outputs)},
                {f"in{i}": np.full(len(INPUT_FACTS), step) for i in range(outputs)},
            )
            table = np.full(shape, step, np.float32)
            history.add(step, table, step / 7, step / 9, step, True, facts)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert limit / 2 < taken < 1.2 * limit
    values = history.as_dict()
    assert len(values["step"]) < 6000 and values["step"][-1] == 5999
    # Facts stay with their record.
    for i in range(outputs):
        np.testing.assert_array_equal(values["target_min"][:, i], values["step"])
        np.testing.assert_array_equal(values["input_rms"][:, i], values["step"])
    np.testing.assert_allclose(values["learning_rate"], values["step"] / 3)
