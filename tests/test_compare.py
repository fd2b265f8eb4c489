import csv
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import fisher_exact, norm

from deepxor.events.reader import read_run
from deepxor.events.writer import SummaryWriter
from deepxor.statistics import wilson_interval


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


def test_the_files_say_what_the_events_say(demo_logdir, tmp_path):
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "csv", "json")}
    done = compare(demo_logdir, *(f"--{kind}={path}" for kind, path in files.items()))
    assert done.returncode == 0 and done.stderr == ""
    assert f"Report: {files['html']}" in done.stdout.replace("\n", "")
    with files["csv"].open(newline="") as file:
        cells = list(csv.DictReader(file))
    data = json.loads(files["json"].read_text())
    assert [row["run"] for row in cells] == ["deep-relu", "deep-sigmoid"]
    html = files["html"].read_text()
    for row, cell in zip(data["runs"], cells, strict=True):
        events = read_run(demo_logdir / row["run"])
        last = max(events.scalars["cost"])
        for tag in ("cost", "accuracy"):
            assert float(cell[tag]) == row[tag]
            assert row[tag] == pytest.approx(events.scalars[tag][last])
        assert row["solved"] == round(100 * events.scalars["solved"][last])
        log10 = events.flow.quantities["norm_log10"][0]
        assert math.log10(row["first_gradient"]) == pytest.approx(log10[0], rel=1e-5)
        assert row["decades"] == pytest.approx(log10[-1] - log10[0], abs=1e-5)
        assert row["evidence"] == cell["evidence"] and row["evidence"] in html
    (comparison,) = data["comparisons"]
    counts = [row["solved"] for row in data["runs"]]
    expected = fisher_exact([[count, 100 - count] for count in counts]).pvalue
    assert comparison["p"] == pytest.approx(expected)
    assert "a significant difference, p < 1e-15" in done.stdout.replace("\n", " ")
    assert "p &lt; 1e-15" in html and "report.html" not in html
    table = html[html.index('<table class="settings">') :]
    differing = re.findall("<td>(.*?)</td>", table)
    assert differing == ["relu", "he", "sigmoid", "glorot"]


def test_only_matching_runs_are_shown(demo_logdir, tmp_path):
    path = tmp_path / "report.html"
    done = compare(demo_logdir, "--runs=sig.*d$", f"--html={path}")
    assert "deep-sigmoid" in done.stdout and "relu " not in done.stdout
    assert "deep-relu" not in path.read_text()
    none = compare(demo_logdir, "--runs=nothing")
    assert none.returncode == 1 and "runs='nothing'" in none.stderr


def test_folders_of_a_monitor_are_in_the_report(demo_logdir, tmp_path):
    run = tmp_path / "mine" / "<i>train"
    writer = SummaryWriter(run)
    for step in (0, 5):
        writer.flow(["first", "last"], {"norm_log10": np.array([-5.0, -1.0])}, step)
        writer.scalar("epoch_loss", 0.5 - 0.05 * step, step)
    advice = {"verdict": "vanishing", "layer": None, "evidence": "So.", "advice": "Do."}
    writer.flow_diagnosis(advice, 5)
    writer.close()
    other = SummaryWriter(tmp_path / "mine" / "validation")
    other.scalar("epoch_loss", 1.0, 0)
    other.close()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "experiment.json").write_text("{")
    files = [tmp_path / "r.html", tmp_path / "r.json"]
    done = compare(tmp_path, f"--html={files[0]}", f"--json={files[1]}")
    assert done.returncode == 0 and done.stderr == ""
    assert "mine/<i>train" in done.stdout and "4.0" in done.stdout
    data = json.loads(files[1].read_text())
    (row,) = data["runs"]
    assert row["run"] == "mine/<i>train" and row["status"] == "monitored"
    assert row["decades"] == pytest.approx(4) and row["cost"] == pytest.approx(0.25)
    html = files[0].read_text()
    assert "mine/&lt;i&gt;train" in html and "<i>train" not in html
    assert "So." in html and "Do." in html
    skipped = " ".join(data["skipped"])
    assert "'broken': broken experiment.json" in skipped
    assert "'mine/validation': event files without" in skipped
    assert "'mine'" not in skipped
    for line in data["skipped"]:
        assert line.split(":")[0].strip("'") in html


def test_a_folder_with_event_files_alone_has_its_cost_and_gradients(tmp_path):
    writer = SummaryWriter(tmp_path / "mine")
    for step, layers in enumerate([["last"], ["first", "last"], ["last"]]):
        values = np.array([-6.0, -2.0 - step])[-len(layers) :]
        zeros = np.zeros(len(layers))
        writer.flow(layers, {"norm_log10": values, "non_finite": zeros}, step)
        writer.scalar("cost", 0.5 - 0.125 * step, step)
        writer.scalar("epoch_loss", 7.0, step)
    writer.close()
    path = tmp_path / "r.json"
    done = compare(tmp_path, f"--json={path}")
    assert done.returncode == 0 and done.stderr == "" and " 0.25 " in done.stdout
    (row,) = json.loads(path.read_text())["runs"]
    assert (row["cost"], row["steps"]) == (0.25, 3)
    assert (row["first_layer"], row["last_layer"]) == ("first", "last")
    # Of the first record that has the layer.
    assert row["first_gradient"] == pytest.approx(1e-6)
    assert row["last_gradient"] == pytest.approx(1e-2)


@pytest.mark.parametrize("norm", [np.nan, np.inf, 3e38])
def test_a_norm_that_is_not_finite_is_none(tmp_path, norm):
    writer = SummaryWriter(tmp_path / "mine")
    flow = {"norm_log10": np.full(1, norm), "non_finite": np.full(1, 2)}
    writer.flow(["only"], flow, 0)
    writer.flow(["only"], {"norm_log10": np.zeros(1), "non_finite": np.zeros(1)}, 1)
    writer.close()
    path = tmp_path / "r.json"
    assert compare(tmp_path, f"--json={path}").stderr == ""
    (row,) = json.loads(path.read_text())["runs"]
    assert row["first_gradient"] is None and row["cost"] is None


def copy(source, target, **settings):
    target.mkdir()
    data = json.loads((source / "experiment.json").read_text())
    data["settings"].update(settings)
    (target / "experiment.json").write_text(json.dumps(data))


def test_runs_of_other_seeds_are_taken_together(demo_logdir, tmp_path):
    relu, sigmoid = (demo_logdir / f"deep-{name}" for name in ("relu", "sigmoid"))
    copy(relu, tmp_path / "a")
    copy(relu, tmp_path / "b", seed=1)
    copy(relu, tmp_path / "same", seed=1)
    copy(sigmoid, tmp_path / "c")
    path = tmp_path / "r.json"
    assert compare(tmp_path, f"--json={path}").returncode == 0
    (comparison,) = json.loads(path.read_text())["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("a + b", "c")
    assert comparison["first_solved"][1] == 200


def test_the_baseline_can_be_chosen(demo_logdir, tmp_path):
    for name in ("relu", "sigmoid"):
        copy(demo_logdir / f"deep-{name}", tmp_path / name)
    copy(demo_logdir / "deep-relu", tmp_path / "other", learning_rate=0.5)
    for flag, baseline in ((), "sigmoid"), (["--baseline=^re"], "relu"):
        lines = compare(tmp_path, *flag).stdout.replace("\n", " ").split("solved: ")
        assert len(lines) == 3
        assert all(f", {baseline} " in line for line in lines[1:])


def test_failed_replicas_are_counted_where_they_are_known(demo_logdir, tmp_path):
    for name, dead in (("known", 3), ("old", None), ("odd", "many")):
        copy(demo_logdir / "deep-relu", tmp_path / name, seed=len(name))
        path = tmp_path / name / "experiment.json"
        data = json.loads(path.read_text())
        data["results"] |= {"diverged": 2, "dead": dead}
        path.write_text(json.dumps(data))
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "csv", "json")}
    done = compare(tmp_path, *(f"--{kind}={path}" for kind, path in files.items()))
    assert done.returncode == 0, done.stderr
    counts = {"known": (2, 3), "odd": (2, None), "old": (2, None)}
    for row in json.loads(files["json"].read_text())["runs"]:
        assert (row["diverged"], row["dead"]) == counts[row["run"]]
    with files["csv"].open(newline="") as file:
        for cells in csv.DictReader(file):
            dead = counts[cells["run"]][1]
            assert (cells["diverged"], cells["dead"]) == ("2", str(dead or ""))
    html = files["html"].read_text()
    assert '<th class="n">diverged</th>' in html and '<th class="n">dead</th>' in html
    assert "decades lost<br>at step 0" in html and "verdict<br>at the end" in html
    assert " 2 / 3 " in done.stdout and done.stdout.count(" 2 / - ") == 2


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--runs=[", "`runs` must be a regular expression. Received: runs='['"),
        ("--baseline=(", "`baseline` must be a regular expression. Received: baseline"),
        ("--baseline=tanh", "baseline='tanh' matches no finished run"),
        ("--html=/nowhere/x.html", "`html` must be a file"),
        ("--csv=.", "or empty. Received: csv='.'"),
        ("--json=/dev/full", "No space left"),
    ],
)
def test_wrong_flags_are_one_line(demo_logdir, flag, words):
    done = compare(demo_logdir, flag)
    assert done.returncode in (1, 2) and words in done.stderr
    assert done.stderr.startswith("deepxor.compare: ") and done.stderr.count("\n") == 1


def test_tensorflow_is_not_loaded(demo_logdir, tmp_path):
    code = (
        "import sys; from deepxor.report.logdir import read_logdir; "
        "from deepxor.report.page import report_html; "
        f"report_html('x', *read_logdir({str(demo_logdir)!r})[:1]); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_foreign_run_harms_neither_the_terminal_nor_the_others(demo_logdir, tmp_path):
    copy(demo_logdir / "deep-relu", tmp_path / "healthy")
    copy(demo_logdir / "deep-relu", tmp_path / "odd")
    path = tmp_path / "odd" / "experiment.json"
    data = json.loads(path.read_text())
    data["results"] |= {"verdict": "\x1b[2J\ud800", "evidence": "a\r=1+1" * 999}
    path.write_text(json.dumps(data))
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "experiment.json").write_text("[" * 200_000)
    files = [tmp_path / f"r.{kind}" for kind in ("html", "csv", "json")]
    done = compare(tmp_path, *(f"--{path.suffix[1:]}={path}" for path in files))
    assert done.returncode == 0 and done.stderr == ""
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert "healthy" in done.stdout and "\ufffd[2J\ufffd" in done.stdout
    assert "skipped 'nested': broken experiment.json (nested too deep)" in done.stdout
    with files[1].open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["run", "healthy", "odd"]
