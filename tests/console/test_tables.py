import csv
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from deepxor.console.fitting import print_table
from deepxor.console.tables import make_console, print_runs, runs_table
from deepxor.report.export import csv_text
from deepxor.report.score_table import Score, console_table
from deepxor.verdicts import VERDICTS, verdict_style


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
def test_a_verdict_has_the_colour_of_its_row(verdict):
    assert verdict_style(verdict.name) == f"white on {verdict.colour}"


@pytest.mark.parametrize("name", [None, "", "red on blue", "[bold]", "training"])
def test_what_is_no_verdict_has_no_style(name):
    assert verdict_style(name) == ""


@pytest.mark.parametrize(
    ("results", "remark", "shown"),
    [
        ({"verdict": "dead"}, "killed", "dead (killed)"),
        ({"verdict": "[red]x"}, "", "[red]x"),
        ({}, "killed", "(killed)"),
        ({}, "", ""),
    ],
)
def test_a_remark_stands_beside_the_verdict(results, remark, shown):
    (*_, column, _) = runs_table([("run", results, remark)]).columns
    (cell,) = column.cells
    assert cell.plain == shown
    colours = [span for span in cell.spans if span.style]
    assert len(colours) == (results.get("verdict") == "dead")
    assert all(cell.plain[span.start : span.end] == "dead" for span in colours)
    make_console().print(cell)


RESULTS = {"cost": 5.94e-06, "accuracy": 0.99, "solved": 98, "replicas": 100,
           "first_gradient": 0.1, "last_gradient": 0.1, "verdict": "not_learning",
           "seconds": 4.1, "diverged": 9, "dead": 1}  # fmt: skip
LONG = "deep-relu-" + "".join(f"{i:03}-" for i in range(12)) + "-the-end"


def printed(width, print_on):
    """Returns the lines that are printed on a console of a width."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_on(console)
    return console.file.getvalue().splitlines()


def rows_of(lines):
    """Returns the cells of each line of a table, without its heading."""
    return [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in lines
        if line.startswith("│")
    ]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_of_runs_fits_and_names_what_it_leaves_out(width):
    rows = [(LONG[:60], RESULTS, "killed at step 300"), ("relu", RESULTS, "")]
    lines = printed(width, lambda console: print_runs(console, rows))
    assert all(cell_len(line) <= width for line in lines)
    cells = rows_of(lines)
    # The first run ends where the second one's name is.
    names = [row[0] for row in cells[: [row[0] for row in cells].index("relu")]]
    names = [name for name in names if name]
    assert 1 <= len(names) <= 2
    start, *rest = names
    assert LONG.startswith(start)
    if rest:
        assert LONG[:60].endswith(rest[0].removeprefix("…"))
        assert len(start) + len(rest[0]) >= 40
    text = "\n".join(lines)
    heading = " ".join(text[: text.index("┡")].split())
    assert "verdict" in heading and "solved" in heading
    last = text[text.rindex("┘") :].replace("\n", " ")
    found = re.search(r"left out at (\d+) columns: (.*); see --csv", last)
    if width == 200:
        assert found is None
        return
    assert found[1] == str(width)
    for name in ("cost", "accuracy", "time", "diverged"):
        assert (name in heading) == (name not in found[2]), name


def test_short_tables_leave_nothing_out_at_120_columns():
    rows = [("deep-relu", RESULTS | {"diverged": 0, "dead": 0}, "")]
    lines = printed(120, lambda console: print_runs(console, rows))
    assert not any("left out" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_columns_are_left_out_in_the_order_of_least_importance(width):
    table = Table(title="t")
    for name in "abcdefgh":
        table.add_column(name)
    table.add_row(*["x" * 17] * 8)
    lines = printed(width, lambda c: print_table(c, table, "bdfhc", "see there"))
    shown = [name for name in "abcdefgh" if f" {name} " in lines[2]]
    count = min(8, max(3, (width - 1) // 20))
    assert len(shown) == count
    assert set("abcdefgh") - set(shown) == set("bdfhc"[: 8 - count])


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"diverged": 9, "dead": 1}, "9 / 1"),
        ({"diverged": 9}, "9 / -"),
        ({"diverged": 0, "dead": 0}, None),
        ({"diverged": 0}, None),
        ({}, None),
    ],
)
def test_failed_replicas_have_a_column_if_there_are_any(counts, shown):
    table = runs_table([("run", counts, "")])
    headings = [str(column.header).replace("\n", " ") for column in table.columns]
    assert ("diverged / dead" in headings) == (shown is not None)
    if shown:
        cells = table.columns[headings.index("diverged / dead")].cells
        assert list(cells) == [shown]


def test_failed_replicas_are_in_the_csv():
    (row,) = csv.DictReader(io.StringIO(csv_text([{"diverged": 9, "dead": None}])))
    assert (row["diverged"], row["dead"]) == ("9", "")


@pytest.mark.parametrize(
    ("steps", "when"),
    [((), "at step 0"), ((0, 0), "at step 0"), ((0, 7), "at first record")],
)
def test_the_heading_says_when_decades_are_lost(steps, when):
    rows = [("lab", {}, ""), *(("mine", {"first_step": step}, "") for step in steps)]
    headings = [str(column.header).split("\n") for column in runs_table(rows).columns]
    assert ["decades", "lost", when] in headings
    assert ["verdict", "at the end"] in headings


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_of_images_fits(width):
    columns = ["maxout", "relu", "very_leaky_relu", "tanh", "sigmoid"]
    rows = ["lsuv", LONG[:60]]
    score = Score((), ("vanishing", "vanishing", "dead"), causes=("weak_gradient",))
    scores = {(row, column): score for row in rows for column in columns}
    table = console_table("title", rows, columns, scores)
    lines = printed(width, lambda c: print_table(c, table, columns[:0:-1], "see t.csv"))
    assert all(cell_len(line) <= width for line in lines)
    heading, last = lines[2], " ".join(lines[lines.index(lines[-1]) - 1 :])
    left_out = [column for column in columns if column not in heading]
    assert left_out == columns[len(columns) - len(left_out) :]
    assert bool(left_out) == (width < 200) == ("see t.csv" in last)
    names = [row[0] for row in rows_of(lines) if row[0]]
    assert names[0] == "lsuv" and len(names) in (2, 3)
    assert (
        len(names) == 2 or names[2].startswith("…") or LONG[:60] == "".join(names[1:])
    )
