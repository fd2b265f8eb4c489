"""The stage of the Gradient flow tab: runs step by step, in large letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab

LAYERS = ["l1", "l2", "l3", "l4"]
STEPS = [0, 1, 4, 10, 40, 100]
FADING, BARE, HOSTILE, LIVE = "fading", "bare", "<b>&amp;c", "live"
RUNS = [HOSTILE, BARE, FADING]  # As they are sorted.
REPLICAS = 50
# By how many decades the gradient falls from layer to layer, at each step.
FALLS = {FADING: [2.2, 2.1, 1.9, 1.6, 1.5, 1.4], BARE: [0.0, 0.1, -0.4, 0.2, 0.3, 0.1]}
SOLVED = [0.0, 0.02, 0.1, 0.1, 0.5, 0.9]
ADVICE = "Use another activation."

# Sizes of letters in pixels: those of all texts that are seen, and of all that are
# drawn on canvases once this has run.
WATCH = """
window.drawn = [];
const original = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (...args) {
  window.drawn.push(parseFloat(this.font.match(/[\\d.]+px/)[0]));
  return original.apply(this, args);
};
"""
SIZES = """
const walker = document.createTreeWalker(
  document.querySelector('#stage'), NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const {parentElement: element, textContent} = walker.currentNode;
  if (textContent.trim() && element.checkVisibility()) {
    found.push(parseFloat(getComputedStyle(element).fontSize));
  }
}
return found;
"""

# Frames come by hand, with a time in milliseconds.
BY_HAND = """
window.frames_ = [];
window.requestAnimationFrame = (draw) => window.frames_.push(draw);
"""
FRAME = """
for (const draw of window.frames_.splice(0)) draw(arguments[0]);
return window.frames_.length;
"""

# How bright each row of layers of the beam is, from the output to the input.
ROWS = """
const canvas = document.querySelector(`[data-run="${arguments[0]}"] .flow canvas`);
const {width, height} = canvas;
const ratio = width / canvas.clientWidth;
const font = 20 * ratio, beam = Math.round(0.24 * width);
const left = Math.round(Math.min(7 * font, 0.27 * width));
const top = 1.35 * font, row = (height - 2.95 * font) / arguments[1];
return Array.from({length: arguments[1]}, (_, i) => {
  const y = Math.round(top + (i + 0.5) * row);
  const {data} = canvas.getContext('2d').getImageData(left, y, beam, 1);
  return data.reduce((sum, value, at) => sum + (at % 4 < 3 ? value : 0), 0);
});
"""


def write(logdir: Path, run: str) -> None:
    writer = SummaryWriter(logdir / run)
    for place, step in enumerate(STEPS):
        fall = FALLS.get(run, [0.0] * len(STEPS))[place]
        quantities = {"norm_log10": -1.0 - fall * np.arange(len(LAYERS) - 1, -1, -1.0)}
        if run == HOSTILE:
            quantities["zero_fraction"] = np.array([1.0, 0, 0, 0])
        if run == FADING:
            quantities["replicas"] = np.full(len(LAYERS), REPLICAS)
            for tag, value in [("cost", 0.7), ("cost/p10", 0.6), ("cost/p90", 0.8)]:
                writer.scalar(tag, value / (1 + place), step)
            writer.scalar("solved", SOLVED[place], step)
            pixels = np.full((8, 8, 3), 40 * place, np.uint8)
            writer.add(
                lambda to, pixels=pixels: to.image("decision_surface", pixels), step
            )
        writer.flow(LAYERS, quantities, step)
    said = {"verdict": "vanishing", "evidence": "It falls.", "advice": ADVICE}
    writer.flow_diagnosis({**said, "is_running": run == LIVE}, STEPS[-1])
    writer.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("stage")
    for run in [*RUNS, LIVE]:
        write(logdir, run)
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        size = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield page


@pytest.fixture
def still(page: FlowTab) -> Iterator[None]:
    """Asks for little motion."""
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [reduced]})
    yield
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def link(runs: list[str], step: int) -> str:
    shown = ",".join(f'[{place},"{run}"]' for place, run in enumerate(runs))
    view = {"stage": "1", "step": str(step), "runs": f"[{shown}]"}
    parts = [f"p.gradient_flow.{key}={quoted(text)}" for key, text in view.items()]
    return "&".join(["gradient_flow", *parts])


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def open_at(page: FlowTab, step: int, runs: list[str] = RUNS) -> None:
    """Opens the stage by a link."""
    page.follow(link(runs, step), set(runs))
    page.wait_for_texts("#stage article .name", set(runs))


def press(page: FlowTab, key: str) -> None:
    page.driver.switch_to.active_element.send_keys(key)


def step_of(page: FlowTab) -> int:
    (text,) = page.texts("#stage .step")
    return int(text.removeprefix("step ").replace(",", ""))


def wait_for_step(page: FlowTab, step: int) -> None:
    page.wait_for_texts("#stage .step", {f"step {step}"})


def focused(page: FlowTab) -> str:
    return page.driver.execute_script("return document.activeElement.id")


def text_of(page: FlowTab, run: str, part: str) -> str:
    for column in page.elements("#stage article"):
        if column.get_attribute("data-run") == run:
            return column.find_element("css selector", f".{part}").text
    raise AssertionError(f"{run!r} is not on the stage")


def do(page: FlowTab, what: str) -> None:
    page.elements(f'#stage [data-do="{what}"]')[0].click()


@pytest.mark.usefixtures("still")
def test_button_and_key_open_it_and_escape_gives_the_focus_back(page: FlowTab) -> None:
    page.enter({*RUNS, LIVE})
    assert not page.elements("#stage")
    page.elements("#on-stage")[0].click()
    page.wait_for_count("#stage article", 3)
    assert focused(page) == "stage"
    assert page.attributes("#stage", "role") == ["dialog"]
    page.until(lambda: page.view().get("stage") == "1", "the stage in the address")
    press(page, Keys.ESCAPE)
    page.until(lambda: not page.elements("#stage"), "the closed stage")
    assert focused(page) == "on-stage"
    page.until(lambda: "stage" not in page.view(), "the address without a stage")
    # The letter is a letter where text is typed.
    (box,) = page.elements("#filter")
    box.send_keys("s", Keys.BACKSPACE)
    (slider,) = page.elements("#side #step")
    slider.send_keys(Keys.HOME)
    assert not page.elements("#stage")
    page.card(FADING, ".map").send_keys("s")
    page.wait_for_count("#stage article", 3)
    do(page, "Leave the stage")
    page.until(lambda: not page.elements("#stage"), "the closed stage")
    assert (
        page.driver.execute_script("return document.activeElement.className") == "map"
    )


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("place", range(len(STEPS)))
def test_the_decades_are_those_of_the_events(page: FlowTab, place: int) -> None:
    open_at(page, STEPS[place])
    wait_for_step(page, STEPS[place])
    for run, falls in FALLS.items():
        lost = (len(LAYERS) - 1) * falls[place]
        assert abs(float(text_of(page, run, "number")) - abs(lost)) < 0.051
        unit = "decades gained" if lost < 0 else "decades lost"
        assert text_of(page, run, "unit") == unit
        sentence = text_of(page, run, "sentence")
        assert sentence.endswith(" at l1.")
        parts = re.match(r"1 part in ([\d,]+) ", sentence)
        assert bool(parts) == (lost >= 1)
        if parts:
            ratio = float(parts[1].replace(",", "")) / 10**lost
            assert 0.93 < ratio < 1.07
    assert text_of(page, HOSTILE, "sentence") == "Nothing arrives at l1."


@pytest.mark.usefixtures("still")
def test_keys_move_by_records_and_change_the_speed(page: FlowTab) -> None:
    open_at(page, 4)
    wait_for_step(page, 4)
    steps = [
        (Keys.ARROW_RIGHT, 10), (Keys.ARROW_RIGHT, 40), (Keys.ARROW_LEFT, 10),
        (Keys.END, 100), (Keys.ARROW_RIGHT, 100), (Keys.HOME, 0), (Keys.ARROW_LEFT, 0),
    ]  # fmt: skip
    for key, step in steps:
        press(page, key)
        wait_for_step(page, step)
    page.until(lambda: page.view()["step"] == "0", "the step in the address")
    for key, speed in [(Keys.ARROW_UP, "2\u00d7"), (Keys.ARROW_DOWN, "1\u00d7")]:
        press(page, key)
        page.wait_for_texts("#stage output", {speed})
    do(page, "Next record")
    wait_for_step(page, 1)
    (said,) = page.driver.execute_script(
        "return [document.querySelector('#stage [aria-live]').textContent]"
    )
    assert said.startswith("Step 1. ") and "fading: 6.3 decades lost. 1 part in" in said


@pytest.mark.usefixtures("still")
def test_space_plays_to_the_end_and_says_what_to_do(page: FlowTab) -> None:
    runs = [FADING, LIVE]
    open_at(page, 0, runs)
    wait_for_step(page, 0)
    assert text_of(page, FADING, "end") == ""
    page.until(lambda: text_of(page, LIVE, "end") == "vanishing so far.", "the verdict")
    press(page, Keys.ARROW_UP)
    press(page, Keys.ARROW_UP)
    press(page, " ")
    page.wait_for_texts('#stage [data-do="Play"]', {"Pause"})
    page.until(lambda: 0 < step_of(page) < 100, "a later step")
    press(page, " ")
    page.wait_for_texts('#stage [data-do="Play"]', {"Play"})
    paused = step_of(page)
    assert (
        page.driver.execute_script(
            "return new Promise((done) => setTimeout(done, 300))"
        )
        is None
        and step_of(page) == paused
    )
    press(page, " ")
    wait_for_step(page, 100)
    page.wait_for_texts('#stage [data-do="Play"]', {"Play"})
    # With room for it, the evidence is said, too.
    assert text_of(page, FADING, "end") == f"vanishing It falls. {ADVICE}"
    press(page, " ")
    page.until(lambda: step_of(page) < 100, "the start")


@pytest.mark.usefixtures("still")
def test_a_run_shows_what_it_has(page: FlowTab) -> None:
    open_at(page, 40)
    wait_for_step(page, 40)
    page.until(lambda: text_of(page, FADING, "cost"), "the curves")
    place = STEPS.index(40)
    assert text_of(page, FADING, "cost") == f"cost {0.7 / (1 + place):.2g}"
    assert text_of(page, FADING, "success") == "solved: 25 of 50"
    for run in (BARE, HOSTILE):
        assert text_of(page, run, "cost") == text_of(page, run, "success") == ""
    # The picture of this step is drawn, and no other.
    grey = (40 * place,) * 3
    picture = '[data-run="fading"] .curve canvas'
    page.until(lambda: grey in page.colours(picture), "the decision surface")
    assert (40 * (place + 1),) * 3 not in page.colours(picture)


@pytest.mark.usefixtures("still")
def test_names_are_text(page: FlowTab) -> None:
    open_at(page, 0)
    assert page.texts("#stage .name") == RUNS
    assert not page.elements("#stage b")


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("key", [Keys.HOME, Keys.END])
def test_letters_are_large_and_nothing_scrolls(page: FlowTab, key: str) -> None:
    page.enter({*RUNS, LIVE})
    page.driver.execute_script(WATCH)
    page.driver.execute_script("window.drawn.length = 0")
    page.elements("header button#on-stage")[0].click()
    page.wait_for_count("#stage article", 3)
    press(page, key)
    page.wait_for_texts("#stage .step", {"step 0" if key == Keys.HOME else "step 100"})
    assert min(page.driver.execute_script(SIZES)) >= 20
    (number, *_) = page.elements("#stage .number")
    assert float(number.value_of_css_property("font-size").removesuffix("px")) >= 64
    # The page behind draws, too, and its letters are those of the tab.
    drawn = set(page.driver.execute_script("return window.drawn"))
    assert drawn - {11.0, 12.0} == {20.0}
    overflow = page.driver.execute_script(
        "return [...document.querySelectorAll('#stage, .columns, #stage article')]"
        ".filter((one) => one.scrollHeight > one.clientHeight || "
        "one.scrollWidth > one.clientWidth).map((one) => one.className)"
    )
    assert overflow == []
    assert page.driver.execute_script(
        "return document.documentElement.scrollHeight <= innerHeight"
    )
    bottoms = [
        one.rect["y"] + one.rect["height"]
        for one in page.elements("#stage .end, #stage .curve")
    ]
    height = page.driver.execute_script("return innerHeight")
    assert max(bottoms, default=0) <= height


@pytest.mark.usefixtures("still")
def test_the_beam_is_as_bright_as_the_gradient_is_large(page: FlowTab) -> None:
    open_at(page, 0)
    wait_for_step(page, 0)
    fading = page.driver.execute_script(ROWS, FADING, len(LAYERS))
    assert fading == sorted(fading, reverse=True) and fading[0] > 2 * fading[-1]
    bare = page.driver.execute_script(ROWS, BARE, len(LAYERS))
    assert max(bare) < 1.05 * min(bare)


def test_a_pulse_runs_from_the_output_to_the_input(page: FlowTab) -> None:
    page.enter({*RUNS, LIVE})
    page.driver.execute_script(BY_HAND)
    page.elements("#on-stage")[0].click()
    frames = iter(range(10_000_000, 20_000_000, 100))

    def draw() -> int:
        return page.driver.execute_script(FRAME, next(frames))

    page.until(lambda: draw() and page.elements("#stage .number"), "the stage")
    seen, is_under_way = [], True
    while is_under_way:
        is_under_way = draw() > 0
        seen.append(page.driver.execute_script(ROWS, BARE, len(LAYERS)))
    # No frame waits any more: the pulse is over, and all layers are as bright.
    assert max(seen[-1]) < 1.05 * min(seen[-1])
    assert [rows for rows in seen if rows[0] > 1.5 * rows[-1]]
    assert not [rows for rows in seen if rows[-1] > 1.5 * rows[0]]
