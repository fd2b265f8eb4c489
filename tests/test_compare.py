import json
import subprocess
import sys

import pytest
from scipy.stats import norm

from deepxor.board.tables import wilson_interval


def compare(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.compare", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_finished_runs_stand_side_by_side(demo_logdir):
    done = compare(demo_logdir)
    assert done.returncode == 0 and done.stderr == ""
    relu, sigmoid = (
        next(line for line in done.stdout.splitlines() if name in line)
        for name in ("deep-relu", "deep-sigmoid")
    )
    assert "healthy" in relu
    assert "vanishing" in sigmoid and "0 of 100" in sigmoid and "0.6931" in sigmoid
    assert compare(f"--logdir={demo_logdir}").stdout == done.stdout


def test_what_is_no_run_is_named_and_skipped(tmp_path):
    (tmp_path / "empty").mkdir()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "experiment.json").write_text('{"settings": [1]}')
    hostile = tmp_path / "[red]x[bold]\x1b[2J"
    hostile.mkdir()
    done = compare(tmp_path)
    assert done.returncode == 1
    assert "skipped 'empty': no experiment.json" in done.stdout
    assert "skipped 'foreign': broken experiment.json" in done.stdout
    assert "[red]x[bold]" in done.stdout and "\x1b" not in done.stdout
    assert "no run in logdir=" in done.stderr


def test_a_killed_run_with_truncated_events_is_read_as_far_as_it_goes(
    demo_logdir, tmp_path
):
    source = demo_logdir / "deep-relu"
    run = tmp_path / "deep-relu"
    run.mkdir()
    settings = json.loads((source / "experiment.json").read_text())
    settings.update(status="running", results={})
    (run / "experiment.json").write_text(json.dumps(settings))
    (events,) = source.glob("events*")
    content = events.read_bytes()
    (run / events.name).write_bytes(content[: len(content) // 2])
    done = compare(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "killed at step" in done.stdout
    (run / events.name).write_bytes(b"no events at all")
    assert "killed, no record" in compare(tmp_path).stdout


def test_a_run_in_place_of_its_logdir_is_said_so(demo_logdir):
    done = compare(demo_logdir / "deep-relu")
    assert done.returncode == 1 and "is a run: give the folder" in done.stderr


@pytest.mark.parametrize("arguments", [["a", "b"], ["--logdir=/nowhere"]])
def test_wrong_arguments_are_one_line(arguments):
    done = compare(*arguments)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("deepxor.compare: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("k", "n"), [(0, 100), (98, 100), (217, 500), (1, 1)])
def test_the_interval_is_wilsons(k, n):
    z, p = norm.ppf(0.975), k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert wilson_interval(k, n) == pytest.approx((centre - half, centre + half))
