"""The table of a training step: what is compared, and how."""

import shutil
import sys

import numpy as np
import pytest

from deepxor.xor.data import xor
from scripts.benchmarks.speed import lecture
from scripts.benchmarks.speed.step import peers
from scripts.benchmarks.speed.step.c_loop import check_c, compile_c, measure_c
from scripts.benchmarks.speed.step.interpreter import measure_peer
from scripts.benchmarks.speed.step.table import C_LOOP, report
from scripts.benchmarks.speed.timing.sample import Sample


def test_other_frameworks_train_the_same_network_on_the_same_table():
    assert peers.UNITS == lecture.UNITS
    assert peers.LEARNING_RATE == lecture.LEARNING_RATE
    x, y = xor()
    np.testing.assert_array_equal(peers.X, x)
    np.testing.assert_array_equal(peers.Y, y)


def test_ratios_are_medians_over_the_rounds():
    c = iter([Sample(1.0), Sample(2.0), Sample(4.0)])
    ours = iter([Sample(3.0), Sample(4.0), Sample(40.0, "a remark")])
    measures = {C_LOOP: lambda: next(c), "ours": lambda: next(ours), "no": lambda: None}
    _, row, missing = report(measures, 3).rows
    # The ratios are 3, 2 and 10; the ratio of the medians would be 2.
    assert row == ("ours", "4.00", "3.00 - 40.0", "3.00", "a remark")
    assert missing == ("no", "-", "-", "-", "not installed")


def test_a_framework_that_is_not_installed_is_not_measured(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # no packages
    python.chmod(0o755)
    assert measure_peer(str(python), "jax", 1) is None


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_c_loop_learns_with_one_hidden_layer_and_not_with_ten(tmp_path):
    check_c(tmp_path)
    program = compile_c(tmp_path, len(lecture.UNITS) - 2)
    assert "cost 0.6931 after 20,000 steps" in measure_c(program, 20_000).remark
