import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from deepxor.console import explain
from deepxor.xor.config import Experiment

COLUMNS = ("layer", "gradient norm", "decades lost", "slope factor", "weight factor")


@pytest.fixture(scope="module")
def explained():
    experiment = Experiment(hidden_units=(3, 2), replicas=5, activation="relu")
    return explain.explain_experiment(experiment)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_and_names_what_it_leaves_out(width, explained, monkeypatch):
    names = ("first", "a-layer-" + "0123456789" * 5 + "-e", "last")
    long = dataclasses.replace(explained, title="long " * 12, layers=names)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    monkeypatch.setattr(explain, "make_console", lambda: console)
    monkeypatch.setattr(explain, "explain_experiment", lambda _: long)
    explain.explain_on_console([Experiment()], "")
    lines = console.file.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    (heading,) = [line for line in lines if line.startswith("┃")]
    missing = [column for column in COLUMNS if column not in heading]
    text = " ".join(" ".join(lines).split())
    said = text.partition(f"left out at {width} columns: ")[2].partition("; a wider")[0]
    assert sorted(missing) == sorted(filter(None, said.split(", ")))
    assert missing if width <= 80 else width == 120 or not missing
    assert "layer" in heading and "decades lost" in heading
    starts = [line for line in lines if line.startswith("│ a-layer-")]
    # The end of the name is there, too, on the same line or the next one.
    assert len(starts) == 1 and re.search("-e +│", text)
