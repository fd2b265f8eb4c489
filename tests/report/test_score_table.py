import csv
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from deepxor.report.score_table import Score, console_table, score_csv, score_html
from deepxor.verdicts import by_name

HOSTILE = "<script>alert(1)</script>"
ROWS, COLUMNS = ("lsuv", HOSTILE), ("relu", "sigmoid")
SCORES = {
    ("lsuv", "relu"): Score((95.0, 97.5), ("healthy", "healthy"), 92.11, True),
    ("lsuv", "sigmoid"): Score((), ("vanishing", "dead", "vanishing"), None, True),
    (HOSTILE, "relu"): Score((90.0,), ("healthy", "dead", "dead")),
    (HOSTILE, "sigmoid"): Score((), ()),
}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("lsuv", "relu"), f"96.2 ± {np.std([95.0, 97.5], ddof=1):.1f}"),
        (("lsuv", "sigmoid"), "n/c"),
        ((HOSTILE, "relu"), "90.0 (1 of 3)"),
        ((HOSTILE, "sigmoid"), "-"),
    ],
)
def test_a_score_says_mean_spread_and_how_many(key, text):
    assert SCORES[key].text == text


def test_the_console_has_the_verdict_of_what_did_not_converge():
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(console_table("t", ROWS, COLUMNS, SCORES))
    text = capture.get()
    assert "96.2 ± 1.8" in text and "vanishing" in text and HOSTILE in text
    assert "[92.11]" in text and "[n/c]" in text


def test_csv_has_a_line_a_score():
    lines = list(csv.DictReader(io.StringIO(score_csv(ROWS, COLUMNS, SCORES))))
    assert [(line["row"], line["column"]) for line in lines] == list(SCORES)
    assert lines[0]["mean"] == "96.25" and lines[0]["published"] == "92.11"
    assert lines[1]["mean"] == "" and lines[1]["verdict"] == "2 vanishing, 1 dead"
    assert [line["converged"] for line in lines] == ["2", "0", "1", "0"]


class Cells(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.links = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_page_needs_nothing_else_and_names_stay_text():
    page = Cells(score_html(HOSTILE, [("seeds", 3)], ROWS, COLUMNS, SCORES))
    assert "script" not in page.tags and not page.links
    assert page.tags.count("td") == 4
    assert page.texts.count(HOSTILE) == 3  # title, heading, row
    assert {"n/c", "2 vanishing, 1 dead", "92.11", "96.2 ± 1.8", "seeds"} <= set(
        page.texts
    )


def test_a_verdict_has_its_colour():
    html = score_html("t", [], ROWS, COLUMNS, SCORES)
    style = f'style="background: {by_name()["vanishing"].colour}; color: #fff"'
    assert html.count("style=") == html.count(style) == 1
    odd = {("a", "b"): Score((), (HOSTILE,))}
    assert "style=" not in score_html("t", [], ["a"], ["b"], odd)
