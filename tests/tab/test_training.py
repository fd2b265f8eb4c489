"""The Gradient flow tab while runs are trained: what comes later, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.color import Color

from deepxor.events.writer import SummaryWriter
from deepxor.palette import run_colour
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab

LAYERS = ["l0", "l1"]
TITLE = "#profile-title"


def write(writer: SummaryWriter, *steps: int) -> None:
    for step in steps:
        writer.flow(LAYERS, {"norm_log10": np.array([-2.0, -1.0])}, step)
    said = {"verdict": "healthy", "evidence": "So far.", "advice": "Wait."}
    writer.flow_diagnosis(said, steps[-1])
    writer.flush()


@pytest.fixture(scope="module")
def writers() -> dict[str, SummaryWriter]:
    return {}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def page(logdir: Path, writers: dict[str, SummaryWriter]) -> Iterator[FlowTab]:
    for run in ("m", "n"):
        writers[run] = SummaryWriter(logdir / run)
        write(writers[run], 0, 10, 20)
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter({"m", "n"})
        yield page
    for writer in writers.values():
        writer.close()


def dots(page: FlowTab) -> dict[str, str]:
    """Returns the colours of the runs that have a card."""
    found = [
        Color.from_string(dot.value_of_css_property("background-color")).hex
        for dot in page.elements(".card .dot")
    ]
    return dict(zip(page.texts(".card h2"), found, strict=True))


def test_runs_with_a_diagnosis_open_at_their_start(page: FlowTab) -> None:
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 0"})
    assert page.texts(".badge") == ["healthy"] * 2
    # Nobody has put the cursor there, so it is not part of a link.
    page.until(lambda: "runs" in page.view(), "the view")
    assert "step" not in page.view()


def test_the_cursor_goes_along_with_a_run_that_goes_on(
    page: FlowTab, writers: dict[str, SummaryWriter]
) -> None:
    write(writers["m"], 30)
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 30"})
    assert page.texts(".badge") == ["healthy"] * 2
    page.elements("#step")[0].send_keys(Keys.HOME)
    page.wait_for_texts(TITLE, {"Gradient norm by layer at step 0"})
    write(writers["m"], 40)
    (slider,) = page.elements("#step")
    page.until(lambda: slider.get_property("max") == "4", "the record")
    assert page.texts(TITLE) == ["Gradient norm by layer at step 0"]


def test_a_verdict_on_a_training_that_goes_on_says_so(
    page: FlowTab, writers: dict[str, SummaryWriter]
) -> None:
    # Nothing but the verdict has changed.
    for more, shown in (({"is_running": True}, "vanishing so far"), ({}, "healthy")):
        verdict = "vanishing" if more else "healthy"
        texts = {"verdict": verdict, "evidence": "So.", "advice": "Sit still."}
        writers["n"].flow_diagnosis({**texts, **more}, 50)
        writers["n"].flush()
        page.until(lambda shown=shown: shown in page.texts(".badge"), shown)
        assert len(page.texts(".badge")) == 2


def test_a_run_that_is_new_is_shown_and_takes_no_colour_of_another(
    page: FlowTab, logdir: Path, writers: dict[str, SummaryWriter]
) -> None:
    wanted = {"m": run_colour(0), "n": run_colour(1)}
    assert dots(page) == wanted
    page.driver.switch_to.default_content()
    page.driver.refresh()
    page.enter_frame({"m", "n"})
    # By name it comes before both.
    writers["a"] = SummaryWriter(logdir / "a")
    write(writers["a"], 0, 10)
    page.wait_for_texts(".card h2", {"a", "m", "n"})
    assert dots(page) == {"a": run_colour(2), **wanted}
    page.until(lambda: len(json.loads(page.view()["runs"])) == 3, "it in the address")


def test_png_has_the_looks_of_the_runs(page: FlowTab, tmp_path: Path) -> None:
    picture = Image.open(page.download("png", tmp_path)).convert("RGB")
    shown = {colour for _, colour in picture.getcolors(1 << 24)}
    for colour in dots(page).values():
        assert tuple(bytes.fromhex(colour[1:])) in shown
