"""One guard each for spreadsheet, terminal and page."""

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from deepxor.console.tables import print_runs
from deepxor.report.export import COLUMNS, csv_text
from deepxor.report.score_table import Score, score_csv
from deepxor.sweeps.outputs import cells_csv
from deepxor.text import (
    LONGEST_TEXT,
    number_text,
    printable,
    printable_lines,
    table_csv,
    text_cell,
)

texts = st.text() | st.text(
    st.sampled_from("=+-@\r\n\t\v\x85\u2028\u202e\u200b\x1b\x9b[2J\ud800\uff1d 1'\",;")
)


@given(texts)
@example("a\r=1+1")
@example("\r\n=1+1")
@example("\u200b=1+1")
@example("\u3000=1")
@example(" \t@SUM(1)")
@example("x" * 1_000_000)
def test_a_cell_is_one_line_that_no_spreadsheet_runs(text):
    cell = text_cell(text)
    assert cell.isprintable() and len(cell) <= LONGEST_TEXT + 1
    # Whatever a spreadsheet passes over, what is seen first is no formula.
    seen = cell.lstrip("\ufffd ")
    assert not seen.startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20"))
    if text.isalnum() and text.isprintable() and len(text) <= LONGEST_TEXT:
        assert cell == text


@given(st.lists(st.lists(texts | st.floats() | st.none() | st.integers(), max_size=4)))
def test_a_table_has_as_many_rows_as_were_given(rows):
    rows = [["first", *row] for row in rows]
    text = table_csv(["a", "=b"], rows)
    cells = list(csv.reader(io.StringIO(text, newline="")))
    assert len(cells) == len(rows) + 1 == len(text.splitlines())
    assert cells[0] == ["a", "'=b"]
    for row, found in zip(rows, cells[1:], strict=True):
        for value, cell in zip(row, found, strict=True):
            if isinstance(value, int):
                assert int(cell) == value
            elif isinstance(value, float) and not np.isnan(value):
                assert float(cell) == value
            elif not isinstance(value, str):
                assert cell == ""


@given(texts)
@example("\x1b]0;title\x07\x9b31m")
@example("\u202eabc\u200b")
def test_no_text_harms_a_terminal(text):
    line = printable(text)
    assert line.isprintable() and len(line) <= LONGEST_TEXT
    line.encode()
    lines = printable_lines(text)
    assert all(map(str.isprintable, lines.split("\n"))) and len(lines) <= LONGEST_TEXT
    if text.isprintable() and len(text) <= LONGEST_TEXT:
        assert line == lines == text


def test_a_long_text_says_that_it_is_cut():
    assert printable("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert printable("x" * 10**6).endswith("x…")
    assert printable_lines("x\n" * 10**6).endswith("…")


@given(texts, texts, texts, st.floats() | st.none())
@example("[red]run", "\x1b[2J", "\r", 1e308)
def test_the_table_on_the_console_is_printable(name, verdict, remark, number):
    numbers = dict.fromkeys(("cost", "accuracy", "seconds"), number)
    console = Console(file=io.StringIO(), width=120, color_system=None)
    print_runs(console, [(name, {"verdict": verdict, **numbers}, remark)])
    lines = console.file.getvalue().splitlines()
    assert all(line.isprintable() and len(line) <= 120 for line in lines)


@pytest.mark.parametrize("form", [".1f", ".2f", ".4g", ".1e", ".0f"])
@given(value=st.floats(-1e300, 1e300) | st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_number_fits_its_column(form, value):
    text = number_text(value, form)
    assert len(text) <= 12
    if text != "-":
        assert float(text) == pytest.approx(value, rel=0.06, abs=0.6)
    assert (text == "-") == (not np.isfinite(value))


@given(texts, texts)
def test_every_table_for_a_spreadsheet_has_the_guard(name, verdict):
    run = csv_text([{"run": name, "verdict": verdict}])
    scores = {("row", name): Score((), (verdict,))}
    score = score_csv(["row"], [name], scores)
    columns = [("name", object), ("error", object), ("networks", int)]
    cells = cells_csv(SimpleNamespace(table=np.array([(name, verdict, 1)], columns)))
    for text, width in ((run, len(COLUMNS)), (score, 9), (cells, 3)):
        heading, row = csv.reader(io.StringIO(text, newline=""))
        assert len(heading) == len(row) == width
        assert text_cell(name) in row
        json.dumps(row).encode()
