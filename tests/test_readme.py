"""What the README says is true: its commands, its flags, its figures."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import fisher_exact

import deepxor
from deepxor.xor.config import NETWORKS
from deepxor.xor.network.build import build
from deepxor.xor.run import Run
from deepxor.xor.train import fit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def ladder():
    """Returns the README's table: (network, activation) -> rate."""
    text = README.split("<!-- ladder: begin -->\n")[1].split("<!-- ladder: end -->")[0]
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.strip().splitlines()
    )
    return {
        (row[0], activation): float(cell.split()[0])
        for row in rows
        for activation, cell in zip(header[1:], row[1:], strict=True)
    }


@functools.cache
def solved(network, activation, replicas, seed):
    experiment = deepxor.Experiment(
        network=network, activation=activation, replicas=replicas, seed=seed,
        log_every=1000,
    )  # fmt: skip
    model = build(experiment)
    fit(model, experiment)
    *_, cost, accuracy = model.snapshot()
    return int((accuracy == 1).sum()), cost, accuracy


def test_the_ladder_is_whole():
    assert {network for network, _ in ladder()} == set(NETWORKS)


@pytest.mark.parametrize(
    ("network", "activation"),
    [
        ("two_layer", "sigmoid"),
        ("two_layer", "relu"),
        ("wide", "relu"),
        ("three_layer", "relu"),
        ("deep", "relu"),
        ("deep", "sigmoid"),
        ("lecture", "relu"),
        ("lecture", "sigmoid"),
        ("lecture", "tanh"),
    ],
)
def test_other_seeds_give_the_rates_of_the_ladder(network, activation):
    rate = ladder()[network, activation]
    count, _, _ = solved(network, activation, replicas=100, seed=1)
    table = [[count, 100 - count], [round(500 * rate), round(500 * (1 - rate))]]
    # Of nine such tests, less than one in a thousand would fail by chance; the seed is
    # fixed, so this one never does.
    assert fisher_exact(table).pvalue > 1e-4


def test_the_perceptron_cannot_in_every_replica():
    count, cost, accuracy = solved("perceptron", "sigmoid", replicas=100, seed=0)
    assert count == 0
    np.testing.assert_allclose(cost, np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(accuracy, 0.5)


def test_deep_is_relu_nearly_always_and_sigmoid_never():
    assert solved("deep", "relu", replicas=100, seed=1)[0] >= 95
    assert solved("deep", "sigmoid", replicas=100, seed=1)[0] <= 1


def test_every_flag_is_explained_and_every_one_explained_is_there():
    done = subprocess.run(
        [sys.executable, "-m", "deepxor.train", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    flags = set(re.findall(r"^  --(?:\[no\])?(\w+)", done.stdout, re.MULTILINE))
    section = README.split("## Flags of")[1].split("\n## ")[0]
    assert flags == set(re.findall(r"^\| `--(\w+)`", section, re.MULTILINE))


def test_the_shell_commands_run(tmp_path):
    commands = [
        line.split("#")[0].split()
        for block in blocks("sh")
        for line in block.splitlines()
    ]
    trains = [c for c in commands if c[:3] == ["python", "-m", "deepxor.train"]]
    assert len(trains) == 2
    for command in trains:
        command = [sys.executable, *command[1:], "--num_steps=101", "--quiet"]
        subprocess.run(command, cwd=tmp_path, check=True)
    assert ["tensorboard", "--logdir", "logdir"] in commands
    assert {path.name for path in (tmp_path / "logdir").iterdir()} == {
        "deep-relu", "deep-sigmoid"
    }  # fmt: skip
    for name in ("scripts/demo", "scripts/test"):
        assert os.access(ROOT / name, os.X_OK) and any(c[0] == name for c in commands)


def test_the_commands_that_explain_run(tmp_path):
    lines = [line.split() for block in blocks("sh") for line in block.splitlines()]
    commands = [
        line for line in lines if line[:3] == ["python", "-m", "deepxor.explain"]
    ]
    first, wide = (
        subprocess.run(
            [sys.executable, *command[1:]],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        ).stdout
        for command in commands
    )  # fmt: skip
    assert "5.7" in README.split("## Why")[1] and " 5.73 " in first
    assert "Schoenholz" in wide and (tmp_path / "explain.png").exists()


def test_the_python_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(200, 2))
    names = {"model": model, "x": x, "y": np.ones((200, 1))}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "healthy" in printed and "dead" in printed
    assert Run.load(tmp_path / "logdir" / "lecture-relu").status == "finished"


def test_the_demo_trains_both_and_is_quick_the_second_time(tmp_path):
    for name in ("scripts", "deepxor"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    # The environment of this test in place of a fresh one, which takes a download.
    (tmp_path / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (tmp_path / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (tmp_path / ".venv" / "installed").touch()
    demo = [tmp_path / "scripts" / "demo"]
    first = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert "vanishing" in first.stdout and "healthy" in first.stdout
    assert "tensorboard --logdir logdir" in first.stdout
    assert "Report: report.html" in first.stdout
    assert "deep-sigmoid" in (tmp_path / "report.html").read_text()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "logdir").rglob("*")}
    again = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert again.stdout in first.stdout
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "logdir").rglob("*")}
    wrong = subprocess.run(
        [*demo, "--sevre"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2 and "--sevre" in wrong.stderr


def test_measured_tables_are_there():
    for row in ("| C loop", "| deepxor, 256 networks |", "│ deep-sigmoid"):
        assert row in README


def test_the_bench_runs():
    done = subprocess.run(
        [ROOT / "scripts" / "bench", "--quick", "--markdown"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for row in ("C loop", "deepxor, 1 network", "deepxor, 64 networks"):
        assert row in done.stdout


def test_the_pictures_are_there_and_small():
    pictures = re.findall(r"\((docs/[^)]+\.png)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 300_000
