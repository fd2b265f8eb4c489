"""The script that scores the diagnosis, from a training to its tables."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepxor.diagnosis.causes.cause import Cause
from deepxor.diagnosis.diagnosis import Diagnosis
from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.histories import (
    cached_history,
    load_history,
    record,
    save_history,
)
from scripts.benchmarks.diagnosis.scores import (
    causes,
    misjudged,
    precision,
    recall,
    right,
    tables,
)
from scripts.benchmarks.diagnosis.setup import Setup

ROOT = Path(__file__).parents[3]

BROKEN = Setup(task="plane", network="linear", rates=((0, 1e12),), epochs=2)
CASE = Case("broken", "exploding", BROKEN, {"rates": ((0, 0.1),)})

TRUTHS = ["healthy", "healthy", "dead", "dead", "vanishing"]
CALLED = ["healthy", "dead", "dead", "vanishing", "healthy"]


def test_rates_are_counted_right():
    assert str(precision(TRUTHS, CALLED, "fault")) == "0.67"  # 2 of 3
    assert str(recall(TRUTHS, CALLED, "fault")) == "0.67"  # 2 of 3
    assert str(precision(TRUTHS, CALLED, "dead")) == "0.50"
    assert str(recall(TRUTHS, CALLED, "vanishing")) == "0.00"
    assert str(right(TRUTHS, CALLED)) == "0.40"
    assert str(precision(TRUTHS, CALLED, "saturated")) == "-"
    assert precision(TRUTHS, CALLED, "saturated").with_interval() == "-"
    # Wilson's interval of 2 of 3, from the formula.
    assert precision(TRUTHS, CALLED, "fault").with_interval() == "0.67 (0.21-0.94)"


def test_the_tables_say_what_is_called_what():
    text = tables(TRUTHS, {"ours": CALLED, "theirs": ["slow"] * 5})
    assert "5 models, 3 of them faulty: 2 healthy, 1 vanishing" in text
    assert "| dead | 0 | 1 | 0 | 1 | 0 | 0 |" in text
    assert "| theirs | 0.60 (0.23-0.88) | 1.00 (0.44-1.00) | 0.00 (0.00-0.43) |" in text


def test_misjudged_cases_are_listed_with_the_evidence():
    wrong = Diagnosis("healthy", None, "All well.", "")
    expected = "- broken: exploding, called healthy. All well."
    assert expected in misjudged([CASE], [wrong])
    assert "none" in misjudged([CASE], [Diagnosis("exploding", "a", "", "")])


def test_named_causes_are_counted():
    rate, loss = Cause("learning_rate_low", "", ""), Cause("loss", "", "")
    case = Case("slow", "not_learning", Setup(), causes=("learning_rate_low",))
    first = Diagnosis("not_learning", None, "", "", (rate, loss))
    second = Diagnosis("not_learning", None, "", "", (loss, rate))
    text = causes([case, case, CASE], [first, second, first])
    # One of two is named first, both are named, and so is another cause each time.
    assert "| the first | 0.50 (0.09-0.91) | 0.50 (0.09-0.91) |" in text
    assert "| any of at most three | 1.00 (0.34-1.00) | 0.50 (0.15-0.85) |" in text


def test_a_history_comes_back_from_its_file(tmp_path):
    history = record(CASE, every=3)
    assert history["first_bad"] is not None
    path = tmp_path / "cache" / "broken.npz"
    assert load_history(path, CASE.recipe) is None
    save_history(path, history, CASE.recipe)
    again = load_history(path, CASE.recipe)
    assert again.keys() == history.keys()
    for key, value in history.items():
        np.testing.assert_array_equal(again[key], value)
        assert isinstance(again[key], type(value))
    # The history of another recipe is not what is in the file.
    assert load_history(path, "another") is None


def test_the_cache_spares_the_training(tmp_path, monkeypatch):
    first = cached_history(CASE, tmp_path, None)
    monkeypatch.setattr("scripts.benchmarks.diagnosis.histories.record", None)
    again = cached_history(CASE, tmp_path, None)
    np.testing.assert_array_equal(again["norm"], first["norm"])
    with pytest.raises(TypeError):
        cached_history(CASE, tmp_path, 7)  # another cadence has to be recorded


def run(*arguments, expected=0):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmarks.diagnosis", *arguments], cwd=ROOT,
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == expected, done.stderr
    return done.stdout + done.stderr


FEW = "--only=a few steps"


def test_the_script_scores_and_checks_cases(tmp_path):
    printed = run(f"--cache={tmp_path}", "--part=all", f"{FEW}|short: plane")
    assert "2 models, 1 of them faulty" in printed and "AutoTrainer" in printed
    assert len(list(tmp_path.glob("*.npz"))) == 2
    # One is enough here: test_cases.py has the outcomes of both.
    assert "1 of 1 cases are what they say." in run("--check", "--part=all", FEW)


def test_wrong_flags_are_said_to_be_wrong():
    assert "must be found in the name of a case" in run(
        "--only=nothing like it", expected=2
    )
    assert "must come with a whole part" in run("--write", "--only=short", expected=2)
    assert "design, report" in run("--part=half", expected=2).replace("|", ", ")
