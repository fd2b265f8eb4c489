"""The page of the Gradient flow tab: narrow windows, advice, tips, nothing to show."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from deepxor.events.writer import SummaryWriter
from deepxor.palette import RUN_MARKERS
from deepxor.plugin import static_files
from deepxor.quantities import in_tab
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab

LAYERS = ["first", "second", "third"]
RUNS = [f"run-{place:02d}" for place in range(12)]
FIRST = set(RUNS[:8])
LONG = " ".join(["The gradient falls by a factor of ten from layer to layer."] * 6)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("layout")
    for place, run in enumerate(RUNS):
        writer = SummaryWriter(logdir / run)
        for step in range(3):
            writer.flow(LAYERS, {"norm_log10": np.array([-3.0, -2.0, -1.0])}, step)
        text = LONG if place % 2 else "Short."
        said = {"verdict": "vanishing", "evidence": text, "advice": text}
        writer.flow_diagnosis(said, 2)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(FIRST)
        yield page


@pytest.fixture
def window(page: FlowTab) -> Iterator[None]:
    yield
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def resize(page: FlowTab, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.until(
        lambda: page.driver.execute_script("return innerWidth") == width, "width"
    )


@pytest.mark.parametrize("width", [390, 800])
@pytest.mark.usefixtures("window")
def test_a_narrow_window_has_one_column(page: FlowTab, width: int) -> None:
    resize(page, width)
    overflowing = """
      return [...document.body.querySelectorAll('*')].filter((element) => {
        const {left, right, width} = element.getBoundingClientRect();
        return element.checkVisibility() && width && (left < 0 || right > innerWidth);
      }).map((element) => element.outerHTML.slice(0, 80));
    """
    page.until(lambda: page.driver.execute_script(overflowing) == [], "all of the page")
    tops = [page.elements(css)[0].rect["y"] for css in ("header", "nav", "main")]
    assert tops == sorted(tops)
    cards = [element.rect for element in page.elements(".card")]
    (side,) = (element.rect for element in page.elements("#side"))
    assert side["y"] >= max(card["y"] + card["height"] for card in cards)
    for ask in page.elements(".ask"):
        ask.send_keys(Keys.ENTER)
        page.wait_for_count(".tip", 1)
        assert page.driver.execute_script(overflowing) == []
        ask.send_keys(Keys.ESCAPE)
    if width == 390:
        assert len({card["x"] for card in cards}) == 1
    # The runs are folded up, and come when they are asked for.
    assert not page.elements("#runs")
    assert page.texts("#choose > summary") == ["Runs (8 of 12)"]
    page.elements("#choose > summary")[0].click()
    page.wait_for_count("#runs .run", len(RUNS))
    page.elements("#choose > summary")[0].click()


def test_a_wide_window_has_the_list_of_runs_open(page: FlowTab) -> None:
    page.wait_for_count("#runs .run", len(RUNS))
    assert not page.elements("#choose > summary")


def test_advice_is_seen_and_cut_after_some_lines(page: FlowTab) -> None:
    for run, text in ((RUNS[0], "Short."), (RUNS[1], LONG)):
        advice = page.card(run, ".advice")
        assert advice.is_displayed()
        # All of the text is there, for those who do not look.
        assert advice.get_property("textContent") == text
        assert page.card(run, ".evidence").is_displayed()
    assert not page.card(RUNS[0], ".more").is_displayed()
    more = page.card(RUNS[1], ".more")
    before = page.card(RUNS[1], ".advice").size["height"]
    assert before < 70
    more.send_keys(Keys.ENTER)
    assert more.get_attribute("aria-expanded") == "true"
    assert page.card(RUNS[1], ".advice").size["height"] > before
    more.send_keys(Keys.ENTER)
    assert page.card(RUNS[1], ".advice").size["height"] == before


def test_cards_of_a_row_are_aligned(page: FlowTab) -> None:
    rows: dict[float, set[float]] = {}
    for run in RUNS[:8]:
        card = page.card(run, ".map").find_element("xpath", "..")
        maps = rows.setdefault(card.rect["y"], set())
        maps.add(page.card(run, ".map").rect["y"])
    assert len(rows) < 8
    assert all(len(maps) == 1 for maps in rows.values()), rows


def test_every_run_has_a_marker_of_its_own(page: FlowTab) -> None:
    wanted = [RUN_MARKERS[place % len(RUN_MARKERS)] for place in range(8)]
    assert page.attributes(".card .dot", "data-marker") == wanted
    assert page.attributes("#ends .dot", "data-marker") == wanted


def test_a_tip_says_what_the_quantity_is(page: FlowTab) -> None:
    (ask, _) = page.elements(".ask")
    (quantity,) = (q for q in in_tab() if q.shown_name == "norm_log10")
    described = page.driver.execute_script(
        "return document.getElementById(arguments[0]).textContent",
        ask.get_attribute("aria-describedby"),
    )
    assert described == quantity.doc.replace("`", "")
    assert not page.elements(".tip")
    ask.send_keys(Keys.ENTER)
    page.wait_for_texts(".tip", {described})
    ask.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.elements(".tip"), "no tip")


def test_a_tip_says_what_a_decade_is(page: FlowTab) -> None:
    page.elements(".ask")[1].click()
    page.until(lambda: "factor of ten" in page.texts(".tip")[0], "the tip")
    (box,) = (tip.rect for tip in page.elements(".tip"))
    assert box["x"] + box["width"] <= page.driver.execute_script("return innerWidth")
    page.elements(".ask")[1].click()
    page.until(lambda: not page.elements(".tip"), "no tip")


def test_what_no_run_has_measured_cannot_be_chosen(page: FlowTab) -> None:
    options = Select(page.elements("#quantity")[0]).options
    enabled = {o.text: o.is_enabled() for o in options}
    labels = [q.label for q in in_tab() if q.label]
    others = {f"{label} (not recorded)": False for label in labels[1:]}
    assert enabled == {labels[0]: True, **others}


def expect_empty(page: FlowTab, text: str, button: str) -> None:
    """Waits for a sentence in place of cards, and presses the button beside it."""
    page.wait_for_texts("#empty > span", {text})
    assert page.elements(".card") == [] and page.elements("#side") == []
    (fix,) = page.elements("#empty button")
    assert fix.text == button
    fix.click()
    page.wait_for_texts(".card h2", FIRST)
    assert page.elements("#empty") == []


def test_where_nothing_is_shown_a_sentence_and_a_button_help(page: FlowTab) -> None:
    page.elements("#none")[0].click()
    expect_empty(page, "None of these runs is ticked.", "Show the first 8")
    page.filter("nothing like it")
    expect_empty(page, "No run matches “nothing like it”.", "Clear the filter")
    page.filter("(")
    assert page.attributes("#filter", "aria-invalid") == [""]
    expect_empty(page, "“(” is not a regular expression.", "Clear the filter")
    assert page.attributes("#filter", "aria-invalid") == [None]


def test_without_any_run_the_page_says_where_they_come_from(page: FlowTab) -> None:
    none = """
      const original = window.fetch;
      window.fetch = (...args) => String(args[0]).endsWith('/gradient_flow/runs')
        ? Promise.resolve(new Response('{"runs": []}')) : original(...args);
    """
    command = "Page.addScriptToEvaluateOnNewDocument"
    added = page.driver.execute_cdp_cmd(command, {"source": none})
    page.driver.switch_to.default_content()
    page.open("gradient_flow")
    wanted = "GradientMonitor"
    page.until(lambda: wanted in "".join(page.texts("#empty > span")), "the sentence")
    assert page.texts("#empty > span")[0].startswith("No run has gradient flow yet.")
    command = "Page.removeScriptToEvaluateOnNewDocument"
    page.driver.execute_cdp_cmd(command, added)
    page.enter(FIRST)


def test_only_the_runs_shown_are_fetched(page: FlowTab) -> None:
    script = "return performance.getEntriesByType('resource').map(({name}) => name)"
    page.enter(FIRST)
    names = page.driver.execute_script(script)
    fetched = {name.partition("run=")[2] for name in names if "/flow?" in name}
    assert fetched == FIRST


def test_a_cursor_that_moves_renders_no_map_anew(page: FlowTab) -> None:
    page.driver.execute_script("""
      const {prototype} = CanvasRenderingContext2D;
      const original = prototype.putImageData;
      window.rendered = 0;
      prototype.putImageData = function (...args) {
        window.rendered++;
        return original.apply(this, args);
      };
    """)
    page.card(RUNS[0], ".map").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 1"})
    page.elements("#ends button")[0].send_keys(Keys.ENTER, Keys.ESCAPE)
    assert page.driver.execute_script("return window.rendered") == 0
    page.select("#axis", "linear")
    page.until(
        lambda: page.driver.execute_script("return window.rendered") == len(FIRST),
        "a picture for each run",
    )
    page.select("#axis", "log")


def test_a_finger_scrolls_up_and_down_and_zooms_sideways(page: FlowTab) -> None:
    for css in (".map", "#overview"):
        for canvas in page.elements(css):
            assert canvas.value_of_css_property("touch-action") == "pan-y"


@pytest.mark.parametrize("height", [720, 1000])
@pytest.mark.usefixtures("window")
def test_the_column_beside_the_cards_is_seen_whole(page: FlowTab, height: int) -> None:
    size = {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.until(
        lambda: page.driver.execute_script(
            "return innerWidth === 1280 && "
            "document.querySelector('#side').getBoundingClientRect().bottom "
            "<= innerHeight"
        ),
        "the foot of the column",
    )


def test_every_module_is_served(page: FlowTab) -> None:
    folder = static_files.FOLDER
    for path in (path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        address = f"{page.url}data/plugin/gradient_flow/{name}"
        with urllib.request.urlopen(address, timeout=10) as response:
            assert response.read() == path.read_bytes()
