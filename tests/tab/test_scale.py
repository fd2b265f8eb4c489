"""The range of colours of the Gradient flow tab beside a run that knows no bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

LAYERS = [f"l{layer}" for layer in range(4)]
CALM = Grid("calm-00", columns=40, layers=len(LAYERS))
WILD = Grid("wild", columns=40, layers=len(LAYERS))
RUNS = [f"calm-{place:02d}" for place in range(25)] + [WILD.run]


def norms(run: str, column: int) -> np.ndarray:
    """Returns log10 of the norms of a record: 1e-6 to 1, or up to 1e30."""
    layer = np.arange(len(LAYERS))
    if run == WILD.run:
        return 0.1 * layer + 30 * column / (WILD.columns - 1)
    return -6 + 2 * layer - 0.001 * column


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("scale")
    for run in RUNS:
        writer = SummaryWriter(logdir / run)
        for column in range(WILD.columns):
            writer.flow(LAYERS, {"norm_log10": norms(run, column)}, column)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(set(RUNS[:8]))
        page.elements("#all")[0].click()
        page.wait_for_texts(".card h2", set(RUNS))
        page.select("#axis", "linear")
        page.until(lambda: not page.elements('[aria-busy="true"]'), "the data")
        yield page


def spread(page: FlowTab) -> int:
    """Returns how far apart the colours of the first and last layer of a map are."""
    (low,), (high,) = (page.cell(CALM, 10, layer) for layer in (0, 3))
    return sum(abs(a - b) for a, b in zip(low, high, strict=True))


def said(page: FlowTab) -> str:
    (label,) = page.attributes("#scale", "aria-label")
    return label


def test_one_run_does_not_take_the_colours_from_the_others(page: FlowTab) -> None:
    page.select("#range", "full")
    page.until(lambda: said(page).endswith("to 2.0e+30"), "the full range")
    flat = spread(page)
    page.select("#range", "auto")
    page.until(lambda: "2.0e+30" not in said(page), "the robust range")
    assert spread(page) > 2 * flat
    # Half as many decades again as the others have, from 1e-6 to 1.
    assert "\u2264" not in said(page)
    assert said(page).endswith("to \u2265 1.0e+3")


def test_what_is_cut_off_is_marked_and_says_its_value(page: FlowTab) -> None:
    page.select("#range", "full")
    without = page.colours("#scale", 0, 0, 12, 14)
    right = page.elements("#scale")[0].get_property("width") - 10
    assert len(page.colours("#scale", right, 0, 10, 14)) == 1
    page.select("#range", "auto")
    page.until(lambda: "\u2265" in said(page), "the sign")
    assert len(page.colours("#scale", right, 0, 10, 14)) > 1
    assert page.colours("#scale", 0, 0, 12, 14) == without
    page.hover(WILD, 39, 3)
    page.until(lambda: "norm 2.0e+30" in page.readout(WILD.run), "the true value")
    assert page.readout(WILD.run).endswith("above the colour scale")
    assert page.cell(WILD, 30, 3) == {page.scale_colour(1)}
    page.hover(WILD, 1, 0)
    page.until(lambda: "above" not in page.readout(WILD.run), "a value on the scale")


def test_two_numbers_are_the_ends(page: FlowTab) -> None:
    page.select("#range", "fixed")
    for css, power in (("#range-low", "-4"), ("#range-high", "-2")):
        page.elements(css)[0].send_keys(Keys.CONTROL, "a")
        page.elements(css)[0].send_keys(power, Keys.TAB)
    wanted = "Colour scale: Gradient norm, \u2264 1.0e-4 to \u2265 0.01"
    page.until(lambda: said(page) == wanted, wanted)
    assert page.view()["range"] == "-4~-2"
    assert page.cell(CALM, 10, 0) == {page.scale_colour(0)}
    # An end that is none is told, and changes nothing.
    page.elements("#range-low")[0].send_keys(Keys.CONTROL, "a")
    page.elements("#range-low")[0].send_keys("5", Keys.TAB)
    page.until(lambda: page.attributes("#range-low", "aria-invalid") == ["true"], "it")
    assert said(page) == wanted
    page.select("#range", "auto")
    assert not page.elements("#range-low")
