"""What docs/monitor.md says of the monitor is true, as far as a test can tell."""

import ast
import inspect
import re
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest

import deepxor
from deepxor.diagnosis import rules
from deepxor.events import gradient_flow
from deepxor.events.reader import read_scalars
from scripts.docs import pictures, tables

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "monitor.md").read_text(encoding="utf-8")
VERDICTS = ("healthy", "vanishing", "exploding", "dead", "saturated")


def section(heading):
    """Returns what stands below a heading, up to the next one."""
    (text,) = re.findall(
        rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", PAGE, re.DOTALL | re.MULTILINE
    )
    return text


def table(heading):
    """Returns the first two cells of the rows of the table below a heading."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", section(heading), re.MULTILINE)
    return {first: second for first, second in rows}


def fit(**arguments):
    x = np.random.default_rng(0).normal(size=(64, 3, 1)).astype(np.float32)
    dense = keras.layers.Dense
    recurrent = keras.layers.SimpleRNN(4, "relu", name="first")
    model = keras.Sequential([keras.Input((3, 1)), recurrent, dense(1, name="output")])
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(**arguments)
    model.fit(x, x[:, 0], batch_size=8, verbose=0, callbacks=[monitor])
    return monitor


def test_every_argument_is_explained_with_its_default():
    signature = inspect.signature(deepxor.GradientMonitor)
    defaults = {f"`{p.name}`": p.default for p in signature.parameters.values()}
    found = table("Arguments")
    assert {k: ast.literal_eval(v.strip("`")) for k, v in found.items()} == defaults


def test_every_number_is_explained_with_its_shape():
    history = fit(every=2).history
    sizes = {"records": len(history["step"]), "layers": len(history["layer"])}
    found = table("The numbers")
    assert set(found) == {f"`{name}`" for name in history}
    for name, shape in found.items():
        if shape.startswith("["):
            expected = tuple(sizes[size] for size in shape.strip("[]").split(", "))
            assert history[name.strip("`")].shape == expected


def test_every_tag_is_explained(tmp_path):
    fit(log_dir=tmp_path, every=2, histograms=1)
    found = set(re.findall(r"`([^`]+)`", " ".join(table("In TensorBoard"))))
    written = {re.sub("/.*", "/<layer>", tag) for tag in read_scalars(tmp_path)}
    others = {"gradient_log10_histogram/<layer>", "diagnosis"}
    others |= {
        gradient_flow.TAG,
        gradient_flow.OVERVIEW_TAG,
        gradient_flow.DIAGNOSIS_TAG,
    }
    assert found == written | others


def test_the_tables_are_those_of_the_package():
    assert tables.updated(PAGE) == PAGE


def test_the_thresholds_are_those_of_the_rules():
    found = table("How a verdict is found")
    thresholds = vars(rules.THRESHOLDS)
    assert set(found) == {f"`{name}`" for name in thresholds}
    for name, value in thresholds.items():
        assert float(Fraction(found[f"`{name}`"])) == pytest.approx(value)


def test_the_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    names = {"model": model, "x": np.ones((96, 2)), "y": np.ones((96, 1))}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "monitor.md", "exec"), names)
    assert "healthy" in capsys.readouterr().out
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    names["act"](names["monitor"].diagnosis)


def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target in anchors
        else:
            assert (ROOT / "docs" / target.split("#")[0]).exists()


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_has_a_section_and_a_small_picture(verdict):
    (picture,) = re.findall(r"\(([^)]+\.png)\)", section(verdict))
    assert (ROOT / "docs" / picture).stat().st_size < 100_000


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_picture_is_of_its_verdict(verdict):
    assert tuple(pictures.RUNS) == VERDICTS
    found = pictures.train(pictures.RUNS[verdict]).diagnosis
    assert found.verdict == verdict
    expected = {"vanishing": "hidden1", "dead": "hidden4", "saturated": "hidden1"}
    assert found.layer == expected.get(verdict, found.layer)
