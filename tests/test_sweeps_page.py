"""What docs/sweeps.md says of the trainability map, and the program that says it."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from deepxor.sweeps.theory import CHAOTIC, ORDERED, propagate
from scripts.pages import marked
from scripts.pages.sweeps.boundary import boundary, crossing
from scripts.pages.sweeps.trainability import (
    COMMAND,
    Map,
    comparison_table,
    read_sweep,
    verdicts_table,
)

PAGE = (Path(__file__).parents[1] / "docs" / "sweeps.md").read_text(encoding="utf-8")
DEPTHS = np.arange(10, 98, 3)
VARIANCES = np.linspace(1, 4, 20)


def ideal(multiple, networks=1):
    """Returns a map whose accuracy is 1/2 at a multiple of xi_c."""
    xi_c = propagate("tanh", VARIANCES, 0.05).xi_c
    mean = np.clip(1 - DEPTHS[:, None] / (2 * multiple * xi_c), 0.1, 0.9)
    accuracy = np.repeat(mean[:, :, None], networks, axis=2)
    nothing = np.zeros(0)
    return Map(DEPTHS, VARIANCES, accuracy, nothing, nothing)


def test_a_crossing_lies_between_two_depths_and_is_nan_without_one():
    accuracy = np.array([[0.9, 0.4, 0.9], [0.6, 0.3, 0.8], [0.2, 0.2, 0.7]])
    found = crossing(np.array([10, 20, 30]), accuracy)
    # 0.6 falls to 0.2 within ten layers, so that it is 0.5 after 2.5 of them.
    np.testing.assert_allclose(found, [22.5, np.nan, np.nan])


@pytest.mark.parametrize("side", [ORDERED, CHAOTIC])
def test_the_boundary_of_an_ideal_map_is_found(side):
    found = boundary(DEPTHS, VARIANCES, ideal(5.0).accuracy, side)
    # Straight lines between depths are the map's own, so the result is exact.
    assert found.median == pytest.approx(5, rel=1e-6)
    assert found.p10 == pytest.approx(5, rel=1e-6) and found.columns >= 3
    assert np.isnan(found.low)


def test_the_interval_of_the_boundary_has_the_truth_in_it():
    rng = np.random.default_rng(0)
    clean = ideal(5.0, networks=8)
    noisy = clean.accuracy + rng.normal(0, 0.05, clean.accuracy.shape)
    found = boundary(DEPTHS, VARIANCES, noisy, CHAOTIC)
    assert found.low < found.median < found.high
    assert found.low < 5 < found.high


def test_equal_maps_agree_in_every_cell():
    text = comparison_table(ideal(5.0, 2), ideal(5.0))
    assert "(Spearman) | 1.000" in text and "600 of 600: 1.000" in text


def test_a_sweep_is_read_and_its_verdicts_are_counted_by_side(tmp_path):
    header = ["depth", "weight_variance", "replica", "accuracy", "verdict"]
    header += ["first_gradient", "last_gradient", "error"]
    rows = []
    for depth in (10, 97):
        for variance in (1.0, 3.0):
            for replica in range(2):
                deep = depth == 97
                verdict = "vanishing" if deep and variance == 1 else "healthy"
                gradients = (1e-3, 1.0) if variance == 1 else (100.0, 1.0)
                score = 0.1 if deep else 0.9
                rows.append([depth, variance, replica, score, verdict, *gradients, ""])
    with (tmp_path / "networks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    lines = verdicts_table(read_sweep(tmp_path)).splitlines()
    assert lines[0].endswith("| healthy | vanishing |")
    assert lines[2:] == [
        "| ordered | at least 1/2 | 2 | -3.0 | 1.00 | 0.00 |",
        "| ordered | 1/5 to 1/2 | 0 |  | 0.00 | 0.00 |",
        "| ordered | below 1/5 | 2 | -3.0 | 0.00 | 1.00 |",
        "| chaotic | at least 1/2 | 2 | +2.0 | 1.00 | 0.00 |",
        "| chaotic | 1/5 to 1/2 | 0 |  | 0.00 | 0.00 |",
        "| chaotic | below 1/5 | 2 | +2.0 | 1.00 | 0.00 |",
    ]


def test_the_page_has_the_command_and_the_figures():
    assert f"{COMMAND}\n" in PAGE
    for name in ("comparison", "verdicts", "born-dead", "cost"):
        assert re.search(r"\d\.\d", marked.block(PAGE, name)), name
    assert re.search(r"\d{4}-\d\d-\d\d", marked.block(PAGE, "machine"))
