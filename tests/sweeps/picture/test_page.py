"""The page of a sweep: its text, and what a real browser tells of each cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys

from deepxor.sweeps.axis import Axis, parse_axis
from deepxor.sweeps.picture.curves import theory_curves
from deepxor.sweeps.picture.page import page
from tests.support.browser import chromium
from tests.sweeps.picture.maps import cells_of

DEPTH = Axis("depth", (30, 2, 10))
WEIGHT = parse_axis("weight_variance=1:4:0.5")
HOSTILE = "</td></script><script>document.title = 'run'</script><img src=//x.y/z>"

# What the page shows of the cell that is told, by name; None if none is.
TOLD = """
const tip = document.getElementById("tip");
const texts = [...tip.children].map((element) => element.textContent);
const pairs = texts.flatMap((text, i) => i % 2 ? [] : [[text, texts[i + 1]]]);
return tip.hidden ? null : Object.fromEntries(pairs);
"""


def some_cells(*axes):
    """Returns cells that all differ in their score, as far as 40 networks can."""
    return cells_of(
        *axes,
        solved=lambda depth, *rest: (
            np.nan if rest == (2.0,) else (depth + sum(rest)) / 40
        ),
        verdict=lambda depth, *rest: "vanishing" if depth > 5 else "not_learning",
        error=lambda depth, *rest: HOSTILE if depth == 10 else "",
        networks=40,
    )


class Parsed(HTMLParser):
    """Holds the tags of a page and its attributes, and the cells of its table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.rows, self.cell = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        self.cell = tag if tag in ("td", "th") else None
        if self.cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.cell = None

    def handle_data(self, data):
        if self.cell:
            self.rows[-1][-1] += data.strip("\n")


def test_the_table_has_the_numbers_of_every_cell():
    cells = some_cells(DEPTH, WEIGHT)
    headings, *rows = Parsed(page(cells)).rows
    assert len(rows) == cells.table.size == 21
    for text, row in zip(rows, cells.table, strict=True):
        shown = dict(zip(headings, text, strict=True))
        assert float(shown["depth"]) == row["depth"]
        assert float(shown["weight_variance"]) == row["weight_variance"]
        assert int(shown["networks"]) == row["networks"]
        assert shown["verdict"] == row["verdict"]
        assert shown["error"] == row["error"]
        if np.isnan(row["score"]):
            assert not shown["solved"] and not shown["95 % interval"]
            continue
        assert float(shown["solved"]) == pytest.approx(row["score"], rel=5e-3)
        low, high = map(float, shown["95 % interval"].split(" to "))
        assert low == pytest.approx(row["score_low"], rel=5e-3)
        assert high == pytest.approx(row["score_high"], rel=5e-3)
        assert float(shown["decades"]) == pytest.approx(3)
        assert float(shown["vanishing"]) == row["vanishing"]
        assert "dead" not in shown


def test_the_page_needs_nothing_else_and_runs_no_text_as_a_script():
    facts = [("activation", HOSTILE), ("width", 64)]
    parsed = Parsed(page(some_cells(DEPTH, WEIGHT), title=HOSTILE, facts=facts))
    assert parsed.tags.count("script") == 1 and "img" not in parsed.tags
    assert not {"link", "iframe", "object"} & set(parsed.tags)
    addresses = [v for k, v in parsed.attributes if k in ("src", "href", "xlink:href")]
    assert addresses
    for address in addresses:
        assert re.match(r"#|data:image/png;base64,", address)


def test_600_cells_are_less_than_half_a_megabyte():
    axes = parse_axis("depth=2:60:2"), parse_axis("weight_variance=0.2:4:0.2")
    cells = some_cells(*axes)
    curves = theory_curves(axes, {"activation": "tanh", "bias_variance": 0.05})
    assert cells.table.size == 600 and len(curves) == 3
    assert len(page(cells, curves).encode()) < 500_000


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


def told(browser, cells, tmp_path: Path, *actions) -> list[dict[str, str] | None]:
    """Returns what a page tells after each action on its map."""
    path = tmp_path / "sweep.html"
    path.write_text(page(cells, title=HOSTILE), encoding="utf-8")
    browser.get(path.as_uri())
    cells_panel = browser.find_element("id", "cells")
    texts = []
    for action in actions:
        action(ActionChains(browser), cells_panel).perform()
        texts.append(browser.execute_script(TOLD))
    severe = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    # The policy of the page refuses the picture that is not in it, if it is in it.
    assert not severe and browser.title == HOSTILE
    return texts


def press(*keys):
    return lambda chain, panel: chain.send_keys(*keys)


def pointed(x, y):
    """Moves the mouse to a place of the panel, in shares from its top left corner."""

    def action(chain, panel):
        width, height = panel.size["width"], panel.size["height"]
        return chain.move_to_element_with_offset(
            panel, (x - 0.5) * width, (y - 0.5) * height
        )

    return action


def test_the_mouse_is_told_the_cell_below_it(browser, tmp_path):
    first, last, error, away = told(
        browser, some_cells(DEPTH, WEIGHT), tmp_path,
        pointed(0.01, 0.01), pointed(0.99, 0.99), pointed(0.01, 0.7),
        lambda chain, panel: chain.move_by_offset(-80, 0),
    )  # fmt: skip
    # The depths are 30, 10 and 2 from the top; the edges between them are 20 and 6.
    assert (first["depth"], first["weight_variance"]) == ("30", "1")
    assert first["solved"] == "0.775" and first["vanishing"] == "1"
    assert first["95 % interval"] == "0.625 to 0.877"
    assert "not_learning" not in first and "error" not in first
    assert (last["depth"], last["weight_variance"]) == ("2", "4")
    assert last["verdict"] == "not_learning" and last["networks"] == "40"
    assert error["depth"] == "10" and error["error"] == HOSTILE
    assert away is None


def test_the_keyboard_reaches_every_cell(browser, tmp_path):
    start, right, missing, top, end, hidden = told(
        browser, some_cells(DEPTH, WEIGHT), tmp_path,
        press(Keys.TAB), press(Keys.ARROW_RIGHT), press(Keys.ARROW_RIGHT),
        press(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP), press(Keys.END),
        press(Keys.ESCAPE),
    )  # fmt: skip
    places = [
        (shown["depth"], shown["weight_variance"])
        for shown in (start, right, missing, top, end)
    ]
    assert places == [("2", "1"), ("2", "1.5"), ("2", "2"), ("30", "2"), ("30", "4")]
    assert missing["networks"] == "0" and "solved" not in missing
    assert hidden is None


def test_a_single_axis_is_told_too(browser, tmp_path):
    start, right = told(
        browser, some_cells(DEPTH), tmp_path,
        press(Keys.TAB), press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT),
    )  # fmt: skip
    assert start["depth"] == "2" and right["depth"] == "30"
    assert right["solved"] == "0.75"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_in_light_and_dark(browser, tmp_path, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    told(browser, some_cells(DEPTH, WEIGHT), tmp_path)
    paper, *inks = browser.execute_script(
        "const style = (css) => getComputedStyle(document.querySelector(css));"
        "return [style('body').backgroundColor, style('.map svg text').fill,"
        " style('h1').color];"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in inks]
    ground = sum(map(int, re.findall(r"\d+", paper)[:3]))
    assert (ground > 700) == (scheme == "light")
    assert all(abs(ground - each) > 500 for each in brightness)
