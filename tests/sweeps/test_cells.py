"""The table of the cells, beside SciPy's numbers."""

import numpy as np
import pytest
from scipy import stats

from deepxor.sweeps.axis import Axis
from deepxor.sweeps.cells import ACCURACY, SOLVED, summarise

AXES = (Axis("depth", (1, 2)), Axis("activation", ("relu", "tanh", "elu")))


def network(cell, score=SOLVED, value=1, **results):
    row = {
        "cell": cell, "replica": 0, score: value, "cost": 0.5, "first_gradient": 1e-3,
        "last_gradient": 0.1, "verdict": "healthy", "seconds": 0.25, "error": "",
    }  # fmt: skip
    return {**row, **results}


def test_cells_are_in_the_order_of_the_axes_product():
    cells = summarise(AXES, SOLVED, [network(4), network(4), network(0, value=0)])
    assert cells.shape == (2, 3)
    assert cells.table["depth"].tolist() == [1, 1, 1, 2, 2, 2]
    assert cells.table["activation"].tolist() == ["relu", "tanh", "elu"] * 2
    assert cells.grid("networks").tolist() == [[1, 0, 0], [0, 2, 0]]
    np.testing.assert_array_equal(
        cells.grid("score"), [[0, np.nan, np.nan], [np.nan, 1, np.nan]]
    )


def test_a_share_has_wilsons_interval():
    rows = [network(0, value=int(i < 3)) for i in range(10)]
    row = summarise(AXES, SOLVED, rows).table[0]
    interval = stats.binomtest(3, 10).proportion_ci(method="wilson")
    assert (row.score, row.networks) == (pytest.approx(0.3), 10)
    assert (row.score_low, row.score_high) == pytest.approx(tuple(interval), rel=1e-6)


def test_a_mean_has_students_interval():
    values = [0.5, 0.75, 0.8, 0.9]
    rows = [network(0, ACCURACY, value) for value in values]
    row = summarise(AXES, ACCURACY, rows).table[0]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert row.score == pytest.approx(np.mean(values))
    assert (row.score_low, row.score_high) == pytest.approx(
        (interval.low, min(interval.high, 1))
    )
    one = summarise(AXES, ACCURACY, rows[:1]).table[0]
    assert one.score == 0.5 and np.isnan([one.score_low, one.score_high]).all()


def test_numbers_are_medians_of_what_is_finite():
    rows = [
        network(0, cost=cost, first_gradient=first, seconds=seconds)
        for cost, first, seconds in (
            (1.0, 1e-6, 1.0), (3.0, 1e-4, 2.0), (np.nan, 1e-5, 3.0), (9.0, np.inf, 0.0),
        )
    ]  # fmt: skip
    row = summarise(AXES, SOLVED, rows).table[0]
    assert (row.cost, row.first_gradient) == (3.0, pytest.approx(1e-5))
    assert row.decades == pytest.approx(4) and row.seconds == 6


def test_a_gradient_of_zero_loses_all_decades_and_warns_of_nothing():
    row = summarise(AXES, SOLVED, [network(0, first_gradient=0.0)]).table[0]
    assert row.decades == np.inf
    both = network(0, first_gradient=0.0, last_gradient=0.0)
    assert np.isnan(summarise(AXES, SOLVED, [both]).table[0].decades)


def test_verdicts_are_shares_and_the_commonest_is_the_cells():
    names = ["vanishing"] * 3 + ["dead"] + ["healthy"] * 4
    rows = [network(0, verdict=name) for name in names]
    row = summarise(AXES, SOLVED, rows).table[0]
    shares = (row.vanishing, row.dead, row.healthy, row.exploding)
    assert shares == (0.375, 0.125, 0.5, 0)
    assert row.verdict == "healthy"
    empty = summarise(AXES, SOLVED, []).table[0]
    assert empty.verdict == "" and np.isnan(empty.healthy) and empty.seconds == 0


def test_networks_that_failed_count_for_nothing_but_their_reason():
    failed = {"cell": 0, "replica": 0, "seconds": 0.0}
    reasons = ("MemoryError: a", "OSError: b", "MemoryError: a")
    rows = [network(0), *({**failed, "error": reason} for reason in reasons)]
    row = summarise(AXES, SOLVED, rows).table[0]
    assert (row.networks, row.score) == (1, 1)
    assert row.error == "MemoryError: a; OSError: b"


def test_of_two_verdicts_that_are_as_common_the_fault_is_shown():
    base = {"cost": 1.0, "first_gradient": 0.0, "last_gradient": 1.0, "seconds": 0.0}
    rows = [
        {"cell": 0, SOLVED: i, **base, "verdict": verdict}
        for i, verdict in enumerate(("dead", "healthy"))
    ]
    (row,) = summarise([Axis("seed", (0,))], SOLVED, rows).table
    assert row["verdict"] == "dead" and (row["healthy"], row["dead"]) == (0.5, 0.5)
    # All of the gradient is lost.
    assert row["decades"] == np.inf
