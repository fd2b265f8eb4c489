"""The Gradient flow tab in a real TensorBoard and a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Page, TensorBoard, chromium
from selenium.webdriver.common.keys import Keys

from deepxor.board.summaries import SummaryWriter

HOSTILE = "<img src=x onerror=document.title=1>"
LAYERS = ["layer1", "<b>out</b>"]


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
) -> Iterator[Page]:
    logdir: Path = tmp_path_factory.mktemp("flow")
    for run in ("a", HOSTILE):
        live.append(SummaryWriter(logdir / run))
        for step in (0, 10, 20):
            write(live[-1], step, -5 + step / 10)
    live[1].flow_diagnosis({"verdict": "healthy", "evidence": "e"}, 20)
    live[1].flush()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = Page(driver, tensorboard.url)
        page.open("gradient_flow")
        page.wait_for_texts(".card h2", {"a", HOSTILE})
        page.until(lambda: len(page.texts(".readout")) == 2, "heat maps")
        (frame,) = page.elements("iframe")
        driver.switch_to.frame(frame)
        yield page
    for writer in live:
        writer.close()


def test_cards_badges_and_names_that_stay_text(page: Page) -> None:
    assert page.texts(".badge") in (["healthy", "training"], ["training", "healthy"])
    assert set(page.texts("nav .name")) == {"a", HOSTILE}
    assert not page.elements("img")


def test_the_cell_under_the_cursor_is_the_event(page: Page) -> None:
    page.elements('.card[data-run="a"] .map')[0].send_keys(Keys.HOME)
    wanted = "norm 1.0e-5 · the median of replicas, p10-p90 1.0e-6 to 1.0e-4 · 25 %"
    page.until(
        lambda: any(
            wanted in text.replace("\u2013", "-") and "step 0" in text
            for text in page.texts(".readout")
        ),
        wanted,
    )


def test_slider_moves_the_profile(page: Page) -> None:
    page.elements("#step")[0].send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 10"})


def test_filter(page: Page) -> None:
    box = page.elements("#filter")[0]
    box.send_keys("^a$")
    page.until(lambda: page.texts(".card h2") == ["a"], "one card")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(Keys.DELETE)
    page.until(lambda: len(page.texts(".card h2")) == 2, "both cards")


def test_dark_mode_follows_tensorboard(page: Page) -> None:
    switch = "parent.document.body.classList.toggle('dark-mode', arguments[0])"
    is_dark = "return document.documentElement.classList.contains('dark')"
    for dark in (True, False):
        page.driver.execute_script(switch, dark)
        page.until(lambda d=dark: page.driver.execute_script(is_dark) is d, "the mode")


def test_a_new_record_appears(page: Page, live: list[SummaryWriter]) -> None:
    page.elements("#step")[0].send_keys(Keys.END)
    write(live[0], 30, -3)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 30"})
