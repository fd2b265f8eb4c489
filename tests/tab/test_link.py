"""The view of the Gradient flow tab in TensorBoard's address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.color import Color

from deepxor.events.writer import SummaryWriter
from deepxor.palette import run_colour, run_marker
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

LAYERS = ["l0", "l1", "l2"]
RUNS = ["a", "b", "c & = ~"]
COLUMNS = 9
GRID = Grid("b", columns=COLUMNS, layers=len(LAYERS))
TITLE = "#profile-title"


def link(**values: object) -> str:
    """Returns an address of the tab with a view."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }
    parts = [f"p.gradient_flow.{key}={quote(text)}" for key, text in texts.items()]
    return "&".join(["gradient_flow", *parts])


VIEW: dict[str, object] = {
    "quantity": "norm_log10",
    "axis": "linear",
    "step": "30",
    "steps": "20~50",
    "range": "-5~1",
    "runs": [[5, "b"], [2, RUNS[2]]],
    "picked": [RUNS[2]],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("link")
    for place, run in enumerate(RUNS):
        writer = SummaryWriter(logdir / run)
        for column in range(COLUMNS):
            norm = np.array([-4.0, -3.0, -2.0]) + place / 10
            writer.flow(LAYERS, {"norm_log10": norm}, 10 * column)
        writer.scalar("cost", 1.0, 0)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        yield FlowTab(driver, tensorboard.url)


def looks(page: FlowTab, css: str) -> list[tuple[str, str]]:
    """Returns the colours and markers of some dots."""
    dots = page.elements(css)
    return [
        (
            Color.from_string(dot.value_of_css_property("background-color")).hex,
            dot.get_attribute("data-marker"),
        )
        for dot in dots
    ]


def expect_view(page: FlowTab) -> None:
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 30"})
    assert page.texts(".card h2") == ["b", RUNS[2]]
    wanted = [(run_colour(index), run_marker(index)) for index in (5, 2)]
    assert looks(page, ".card .dot") == wanted
    assert looks(page, "#ends .dot") == wanted
    # The run that is not in the link has its place by name.
    assert looks(page, "nav .dot")[0] == (run_colour(0), run_marker(0))
    assert page.selected("#axis") == "linear"
    assert page.selected("#range") == "fixed"
    assert [page.selected(end) for end in ("#range-low", "#range-high")] == ["-5", "1"]
    assert page.attributes("#ends button", "aria-pressed") == ["false", "true"]
    (slider,) = page.elements("#step")
    assert slider.get_property("max") == "3"
    page.until(lambda: page.view().get("picked") == json.dumps([RUNS[2]]), "the view")


def test_a_link_is_shown_and_outlasts_a_reload(page: FlowTab) -> None:
    page.follow(link(**VIEW), {"b", RUNS[2]})
    expect_view(page)
    page.driver.switch_to.default_content()
    page.driver.refresh()
    page.enter_frame({"b", RUNS[2]})
    expect_view(page)


def test_a_link_outlasts_another_tab(page: FlowTab) -> None:
    page.follow(link(**VIEW), {"b", RUNS[2]})
    expect_view(page)
    page.driver.switch_to.default_content()
    for tab in ("SCALARS", "GRADIENT FLOW"):
        (found,) = (e for e in page.elements("[role=tab]") if e.text.strip() == tab)
        found.click()
    page.enter_frame({"b", RUNS[2]})
    expect_view(page)


def test_a_link_that_is_pasted_into_the_open_page_is_shown(page: FlowTab) -> None:
    page.follow(link(runs=[[0, "a"]]), {"a"})
    page.driver.execute_script("top.location.hash = arguments[0]", link(**VIEW))
    page.until(lambda: page.texts(".card h2") == ["b", RUNS[2]], "the other runs")
    expect_view(page)


def test_what_the_reader_chooses_is_in_the_address(page: FlowTab) -> None:
    page.enter(set(RUNS))
    page.elements('nav input[data-run="a"]')[0].click()
    page.select("#axis", "linear")
    page.select("#range", "full")
    page.hover(GRID, 4, 1)
    wanted = {"axis": "linear", "range": "full", "step": "40"}
    page.until(lambda: wanted.items() <= page.view().items(), str(wanted))
    assert json.loads(page.view()["runs"]) == [[1, "b"], [2, RUNS[2]]]
    page.elements("#reset")[0].click()
    page.select("#axis", "log")


@pytest.mark.parametrize(
    "values",
    [
        {"quantity": "__proto__", "axis": "x", "step": "1e999", "steps": "9~1"},
        {"range": "NaN~3", "runs": "<img src=x>", "picked": "7", "steps": "~"},
        {"range": "3~-3", "runs": [["x", 1]], "picked": [1], "filter": "", "step": ""},
        {"runs": [None], "picked": [None], "step": "Infinity", "steps": "1~2~3"},
    ],
)
def test_what_is_no_view_is_left_out(page: FlowTab, values: dict[str, object]) -> None:
    page.follow(link(**values), set(RUNS))
    assert page.selected("#quantity") == "norm_log10"
    assert page.selected("#axis") == "log"
    assert page.selected("#range") == "auto"
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 80"})
    assert looks(page, ".card .dot") == [
        (run_colour(index), run_marker(index)) for index in range(3)
    ]
    assert page.attributes("#ends button", "aria-pressed") == ["false"] * 3
    assert not page.elements("#all-steps:enabled")


def slider_end(page: FlowTab) -> str:
    return page.elements("#step")[0].get_property("max")


def test_dragging_over_a_map_or_the_strip_shows_those_steps_alone(
    page: FlowTab,
) -> None:
    for css in ('[data-run="b"] .map', "#overview"):
        page.follow(link(axis="linear"), set(RUNS))
        whole = page.colours('[data-run="a"] .map')
        page.drag(page.elements(css)[0], 0.45, 0.8)
        page.until(lambda: "steps" in page.view(), "the range in the address")
        low, high = map(int, page.view()["steps"].split("~"))
        assert 10 <= low <= 40 and 50 <= high <= 80
        assert slider_end(page) == str((high - low) // 10)
        # The cursor stays inside.
        page.elements("#step")[0].send_keys(Keys.HOME)
        page.wait_for_texts(TITLE, {f"Gradient norm by layer at step {low}"})
        page.elements("#all-steps")[0].click()
        page.until(lambda: slider_end(page) == str(COLUMNS - 1), "all steps")
        assert whole & page.colours('[data-run="a"] .map')


def test_keys_zoom_around_the_cursor(page: FlowTab) -> None:
    page.follow(link(axis="linear", step="60"), set(RUNS))
    canvas = page.card("b", ".map")
    canvas.send_keys("+")
    page.until(lambda: slider_end(page) == "4", "half of the nine steps")
    canvas.send_keys("+")
    page.until(lambda: slider_end(page) == "2", "half of those")
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 60"})
    low, high = map(int, page.view().get("steps", "60~60").split("~"))
    assert low <= 60 <= high
    canvas.send_keys("-")
    page.until(lambda: slider_end(page) == "5", "twice as many")
    canvas.send_keys("0")
    page.until(lambda: slider_end(page) == "8", "all steps")


def test_the_axis_of_steps_is_logarithmic_at_first(page: FlowTab) -> None:
    page.follow("gradient_flow", set(RUNS))
    page.driver.execute_script("localStorage.clear()")
    page.follow("gradient_flow", set(RUNS))
    assert page.selected("#axis") == "log"
    # It ends at 90: 91 ** 0.6 - 1 = 14.
    page.point("b", 0.6, 0.1)
    page.until(lambda: "step 10" in page.readout("b"), "the step of a log axis")
