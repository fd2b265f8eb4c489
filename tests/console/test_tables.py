import pytest

from deepxor.console.tables import make_console, runs_table
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
