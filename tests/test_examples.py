"""The programs in examples/ run and do what they say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deepxor.events.reader import read_run

DIGITS = Path(__file__).parent.parent / "examples" / "digits.py"


def run(*flags):
    return subprocess.run(
        [sys.executable, DIGITS, *flags], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Returns what the example prints, and its logdir."""
    logdir = tmp_path_factory.mktemp("digits")
    done = run("--epochs", "3", "--logdir", logdir)
    assert done.returncode == 0, done.stderr
    return done.stdout, logdir


@pytest.mark.parametrize(
    ("activation", "verdict"), [("sigmoid", "vanishing"), ("relu", "healthy")]
)
def test_digits_finds_what_ails_the_sigmoid_network(digits, activation, verdict):
    printed, logdir = digits
    (run_dir,) = logdir.glob(f"digits-{activation}-*")
    diagnosis = json.loads((run_dir / "diagnosis.json").read_text())
    assert diagnosis["verdict"] == verdict
    section = printed.split(f"{activation}: accuracy ")[1].split("\n\n")[0]
    accuracy, first, evidence, *_ = section.splitlines()
    assert first.split()[0] == verdict and evidence.strip() == diagnosis["evidence"]
    # One in ten is what guessing gives.
    learns = verdict == "healthy"
    assert (float(accuracy.split()[0]) > 0.5) == learns


def test_digits_writes_the_norms_of_every_layer(digits):
    printed, logdir = digits
    address = "then open http://localhost:6006/#gradient_flow"
    assert f"See it: tensorboard --logdir {logdir}\n{address}\n" in printed
    names = [*(f"hidden{number}" for number in range(1, 9)), "output"]
    for run_dir in logdir.iterdir():
        tags = read_run(run_dir).scalars
        found = {tag for tag in tags if tag.startswith("gradient_norm_log10/")}
        assert found == {f"gradient_norm_log10/{name}" for name in names}


def test_digits_has_the_layers_and_the_activation_it_is_given(tmp_path):
    flags = ["--activations", "tanh", "--layers", "2", "--epochs", "1"]
    done = run(*flags, "--logdir", tmp_path)
    assert done.returncode == 0, done.stderr
    (run_dir,) = tmp_path.iterdir()
    assert run_dir.name.startswith("digits-tanh-")
    norms = {tag for tag in read_run(run_dir).scalars if tag.startswith("weight_norm/")}
    assert {tag.split("/")[1] for tag in norms} == {"hidden1", "hidden2", "output"}
