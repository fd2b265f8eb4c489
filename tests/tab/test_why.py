"""Why a layer gets so little: the factors of the gradient's way back, in its card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

GRID = Grid("chain", columns=4, layers=4)
OTHER = "nothing known"
LAYERS = ["a", "<b>b</b>", "c", "out"]
# log10, [columns, layers]: every step a hundredth more.
SLOPES = np.array([-0.5, -0.6, -0.7, 0.0]) + 0.01 * np.arange(4)[:, None]
WEIGHTS = np.array([np.nan, 0.1, -0.2, 0.3]) + 0.01 * np.arange(4)[:, None]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("why")
    for run in (GRID.run, OTHER):
        writer = SummaryWriter(logdir / run)
        for step in range(GRID.columns):
            flow = {
                "norm_log10": np.linspace(-3, 0, 4),
                "zero_fraction": np.zeros(4),
                "non_finite": np.zeros(4),
            }
            if run == GRID.run:
                flow["slope_factor_log10"] = SLOPES[step]
                flow["weight_factor_log10"] = WEIGHTS[step]
            writer.flow(LAYERS, flow, step)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter({GRID.run, OTHER})
        page.select("#axis", "linear")
        yield page


def click(page: FlowTab, run: str, column: int, layer: int) -> None:
    page.hover(Grid(run, GRID.columns, GRID.layers), column, layer)
    page.driver.execute_script("arguments[0].click()", page.card(run, ".map"))


def test_the_way_back_is_the_product_of_the_factors(page: FlowTab) -> None:
    click(page, GRID.run, 2, 0)
    way = SLOPES[2, 3] + WEIGHTS[2, 3] + SLOPES[2, 2] + WEIGHTS[2, 2]
    way += SLOPES[2, 1] + WEIGHTS[2, 1]
    text = page.card(GRID.run, ".because").text
    # The server codes log10 to a 65,533rd of its range.
    assert "At step 2 the output of a gets 1 part in " in text
    part = int(text.split("1 part in ")[1].split(" ")[0].replace(",", ""))
    assert part == pytest.approx(10**-way, abs=1)
    slopes, weights = SLOPES[2, 1:].sum(), WEIGHTS[2, 1:].sum()
    assert f"the slopes make \u2212{-slopes:.1f} decades" in text
    assert f"the weights +{weights:.1f} decades" in text
    assert page.card(GRID.run, ".stairs").is_displayed()


def test_each_factor_is_in_numbers_and_names_are_text(page: FlowTab) -> None:
    click(page, GRID.run, 1, 0)
    page.card(GRID.run, ".why summary").click()
    lines = page.card(GRID.run, ".factors").text.splitlines()
    assert len(lines) == 3 and lines[2].startswith("<b>b</b>: slope \u00d7 ")
    slope = float(lines[1].split("slope \u00d7 ")[1].split(",")[0])
    assert slope == pytest.approx(10 ** SLOPES[1, 2], rel=0.05)
    page.card(GRID.run, ".why summary").click()


def test_a_run_without_factors_says_who_has_them(page: FlowTab) -> None:
    click(page, OTHER, 0, 1)
    assert "deepxor.explain" in page.card(OTHER, ".because").text
    assert not page.card(OTHER, ".stairs").is_displayed()
    # One at a time.
    assert not page.card(GRID.run, ".why").is_displayed()


def test_enter_opens_and_closes_it_and_the_cursor_moves_it(page: FlowTab) -> None:
    canvas = page.card(GRID.run, ".map")
    canvas.send_keys(Keys.ENTER)
    page.until(page.card(GRID.run, ".why").is_displayed, "the way back")
    canvas.send_keys(Keys.HOME, *[Keys.ARROW_DOWN] * 4, Keys.ARROW_UP)
    page.until(
        lambda: (
            "At step 0 the output of <b>b</b>" in page.card(GRID.run, ".because").text
        ),
        "the layer under the cursor",
    )
    canvas.send_keys(*[Keys.ARROW_UP] * 3)
    page.until(
        lambda: (
            page.card(GRID.run, ".because").text == "out is where the gradient starts."
        ),
        "the last layer",
    )
    canvas.send_keys(Keys.ENTER)
    page.until(
        lambda: not page.card(GRID.run, ".why").is_displayed(), "the way back to close"
    )
