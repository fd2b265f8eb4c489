"""Whether solved rates differ by more than chance, and from which run's."""

import pytest
from scipy.stats import fisher_exact

from deepxor.report.logdir import solved_comparisons
from deepxor.report.run import ReportRun
from deepxor.report.significance import compare_rates, fisher, holm
from deepxor.runs.folder import RunError


def test_the_test_is_fishers():
    # Fisher's tea: 3 of 4 and 1 of 4, two-sided 34/70.
    assert fisher((3, 4), (1, 4)) == pytest.approx(34 / 70)
    expected = fisher_exact([[48, 2], [40, 10]]).pvalue
    (comparison,) = compare_rates({"a": (48, 50), "b": (40, 50)}, "b")
    assert comparison.p == pytest.approx(expected)
    assert comparison.is_significant and "a significant difference" in str(comparison)


def test_the_correction_is_holms():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1]) and holm([]) == []


def test_each_rate_is_compared_with_the_baseline_alone():
    counts = {f"run{i}": (i, 10) for i in range(8)}
    comparisons = compare_rates(counts, "run3")
    assert [c.first for c in comparisons] == [f"run{i}" for i in range(8) if i != 3]
    assert {(c.second, c.second_counts) for c in comparisons} == {("run3", (3, 10))}
    uncorrected = [fisher((i, 10), (3, 10)) for i in range(8) if i != 3]
    assert [c.p for c in comparisons] == holm(uncorrected)
    assert compare_rates({"one": (1, 10)}, "one") == []


def finished(name, solved=5, **settings):
    row = {"run": name, "status": "finished", "solved": solved, "replicas": 10}
    return ReportRun(name, row, settings)


@pytest.mark.parametrize(
    ("activations", "baseline", "expected"),
    [
        ("relu sigmoid tanh sigmoid", "", "run1"),
        ("relu elu tanh", "", "run0"),
        ("relu sigmoid tanh", "run2", "run2"),
        ("relu sigmoid tanh", "[02]$", "run0"),
        # The name comes before the pattern, which run10 matches, too.
        (" ".join(["relu"] * 11), "run1", "run1"),
    ],
)
def test_the_baseline_is_chosen_or_the_first_sigmoid(activations, baseline, expected):
    runs = [
        finished(f"run{i}", activation=activation, number=i)
        for i, activation in enumerate(activations.split())
    ]
    # Runs without a rate, first in the order, such as those of a monitor.
    others = [ReportRun("run.", {"run": "run.", "status": "monitored", "solved": None})]
    comparisons = solved_comparisons([*others, *runs], baseline)
    assert {c.second for c in comparisons} == {expected}
    assert len(comparisons) == len(runs) - 1
    assert solved_comparisons(others) == []


@pytest.mark.parametrize("baseline", ["mine", "nothing"])
def test_a_baseline_without_a_rate_is_an_error(baseline):
    mine = ReportRun("mine", {"run": "mine", "status": "monitored", "solved": None})
    with pytest.raises(RunError, match=f"baseline='{baseline}' matches no finished"):
        solved_comparisons([mine, finished("a"), finished("b", seed=1)], baseline)
