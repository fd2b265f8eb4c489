"""Logdirs of 0.1.0 stay readable; tests/support/logdir-0.1.0 was written by it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepxor.events.reader import read_run
from deepxor.report.logdir import read_logdir
from deepxor.report.page import report_html
from tests.support.server import get_flow, serve

OLD = Path(__file__).parent / "support" / "logdir-0.1.0"
RUNS = ("three_layer-relu", "three_layer-sigmoid", "three_layer-tanh")


def test_runs_are_compared_with_the_numbers_that_were_written():
    runs, skipped = read_logdir(OLD)
    assert [run.name for run in runs] == [*RUNS, "monitored"] and not skipped
    for run in runs[:3]:
        written = json.loads((OLD / run.name / "experiment.json").read_text())
        results = written["results"]
        shared = set(run.row) & set(results)
        assert {"cost", "accuracy", "verdict", "first_gradient"} <= shared
        assert {name: run.row[name] for name in shared} == {
            name: results[name] for name in shared
        }
    verdict = json.loads((OLD / "monitored" / "diagnosis.json").read_text())["verdict"]
    assert runs[3].row["verdict"] == verdict
    page = report_html("old", runs, [], skipped)
    assert all(run.name in page for run in runs)


@pytest.mark.parametrize("name", [*RUNS, "monitored"])
def test_the_tab_shows_every_run(name):
    flow = read_run(OLD / name).flow
    assert flow is not None and np.isfinite(flow.quantities["norm_log10"]).all()
    header, tables = get_flow(serve(OLD), name)
    assert header["layers"] == list(flow.layers)
    norms = flow.quantities["norm_log10"]
    # Coded in 254 levels between the lowest and the highest.
    level = (norms.max() - norms.min()) / 253
    np.testing.assert_allclose(tables["norm_log10"], norms, atol=level)


def test_a_checkpoint_is_refused_in_one_line_and_loses_nothing(tmp_path):
    logdir = tmp_path / "logdir"
    shutil.copytree(OLD, logdir)
    run = logdir / "three_layer-tanh"
    before = {path.name: path.read_bytes() for path in run.glob("*.[ne]*")}
    settings = json.loads((run / "experiment.json").read_text())["settings"]
    flags = [f"--logdir={logdir}"]
    flags += [
        f"--{name}={settings[name]}"
        for name in ("network", "activation", "replicas", "num_steps", "log_every")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "deepxor.train", "--resume", *flags],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "of an older version of deepxor" in line and "checkpoint.npz" in line
    assert {path.name: path.read_bytes() for path in run.glob("*.[ne]*")} == before
