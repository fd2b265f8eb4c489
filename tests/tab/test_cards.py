"""The Gradient flow tab in a real TensorBoard and a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab

HOSTILE = "<img src=x onerror=document.title=1>"
LAYERS = ["layer1", HOSTILE]
RUNS = {"a", HOSTILE}


def write(writer: SummaryWriter, step: int, norm: float) -> None:
    flow = {
        "norm_log10": np.array([norm, -1.0]),
        "norm_log10_p10": np.array([norm - 1, -2.0]),
        "norm_log10_p90": np.array([norm + 1, 0.0]),
        "zero_fraction": np.array([0.25, 0.0]),
        "non_finite": np.zeros(2),
    }
    writer.flow(LAYERS, flow, step)
    writer.flush()


@pytest.fixture(scope="module")
def live() -> list[SummaryWriter]:
    return []


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, live: list[SummaryWriter]
) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("flow")
    for run in ("a", HOSTILE):
        live.append(SummaryWriter(logdir / run))
        for step in (0, 10, 20):
            write(live[-1], step, -5 + step / 10)
    live[1].flow_diagnosis({"verdict": "healthy", "evidence": "e"}, 20)
    live[1].flush()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(RUNS)
        yield page
    for writer in live:
        writer.close()


def test_cards_badges_and_names_that_stay_text(page: FlowTab) -> None:
    assert sorted(page.texts(".badge")) == ["healthy", "training"]
    assert set(page.texts("nav .name")) == RUNS
    page.point("a", 0.1, 0.1)
    page.until(lambda: page.readout("a").startswith(f"{HOSTILE} · step "), HOSTILE)
    assert not page.elements("img")


def test_the_cell_of_the_keyboards_cursor_is_the_event(page: FlowTab) -> None:
    page.card("a", ".map").send_keys(Keys.HOME, *[Keys.ARROW_DOWN] * 2)
    wanted = (
        "norm 1.0e-5 · the median of replicas, p10\u2013p90 1.0e-6 to 1.0e-4 · 25 %"
    )
    page.until(
        lambda: "step 0" in page.readout("a") and wanted in page.readout("a"), wanted
    )


def test_choices_outlast_a_reload(page: FlowTab) -> None:
    page.select("#quantity", "zero_fraction")
    page.select("#axis", "linear")
    page.elements(f'nav input[data-run="{HOSTILE}"]')[0].click()
    page.filter("a$|img")
    page.enter({"a"})
    assert page.texts(".card h2") == ["a"]
    assert set(page.texts("nav .name")) == {"a", HOSTILE}
    assert page.selected("#quantity") == "zero_fraction"
    assert page.selected("#axis") == "linear"
    assert page.elements("#filter")[0].get_property("value") == "a$|img"
    page.filter("")
    page.select("#quantity", "norm_log10")
    page.select("#axis", "log")
    page.elements("#reset")[0].click()
    page.wait_for_texts(".card h2", RUNS)


def test_slider_moves_the_profile(page: FlowTab) -> None:
    page.elements("#step")[0].send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 10"})


def test_filter(page: FlowTab) -> None:
    page.filter("^a$")
    page.until(lambda: page.texts(".card h2") == ["a"], "one card")
    page.filter("")
    page.until(lambda: set(page.texts(".card h2")) == RUNS, "all cards")


def test_dark_mode_follows_tensorboard(page: FlowTab) -> None:
    switch = "parent.document.body.classList.toggle('dark-mode', arguments[0])"
    is_dark = "return document.documentElement.classList.contains('dark')"
    for dark in (True, False):
        page.driver.execute_script(switch, dark)
        page.until(lambda d=dark: page.driver.execute_script(is_dark) is d, "the mode")


def test_a_new_record_appears(page: FlowTab, live: list[SummaryWriter]) -> None:
    page.elements("#step")[0].send_keys(Keys.END)
    write(live[0], 90, -3)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 90"})
