"""The reports of the speed benchmark, and the rounds in which they are measured."""

import pytest

from scripts.benchmarks.speed.report import Report, number_text, print_report
from scripts.benchmarks.speed.timing.rounds import in_turns


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0312, "0.03"), (9.876, "9.88"), (54.32, "54.3"), (1234.5, "1,234")],
)
def test_numbers_have_about_three_digits(value, text):
    assert number_text(value) == text


def test_everything_is_measured_once_a_round_in_the_same_order(capsys):
    calls = []

    def measure(name):
        calls.append(name)
        return len(calls)

    measures = {"a": lambda: measure("a"), "b": lambda: measure("b")}
    assert in_turns("title", measures, 3) == {"a": [1, 3, 5], "b": [2, 4, 6]}
    assert calls == ["a", "b"] * 3
    assert "title: round 3 of 3" in capsys.readouterr().err


def test_a_report_is_printed_as_markdown_or_for_the_console(capsys):
    report = Report("Title", ("", "s"), [("row", "1.00")], "A note.")
    print_report(report, is_markdown=True)
    assert capsys.readouterr().out.splitlines() == [
        "**Title**", "", "|  | s |", "|---|---:|", "| row | 1.00 |", "", "A note.", "",
    ]  # fmt: skip
    print_report(report, is_markdown=False)
    printed = capsys.readouterr().out
    assert "Title" in printed and "row" in printed and "A note." in printed
