"""The shares of replicas and the first faulty record on the heat maps of the tab.

Replies get them on their way into the page, whatever the version of the events has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import LEFT, TOP, FlowTab, Grid

LAYERS = ["l0", "l1", "l2"]
GRID = Grid("run", columns=6, layers=len(LAYERS))
FAULT = 30

# Puts {"header": keys of the header, "rows": values of all cells by row} into replies.
PATCH = """
const more = %s;
const original = window.fetch;
window.fetch = async (...args) => {
  const response = await original(...args);
  if (!String(args[0]).includes('/flow?')) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(4, 4 + length)));
  Object.assign(header, more.header);
  header.blocks = header.blocks.filter(({name}) => !(name in more.rows));
  for (const [name, low] of Object.entries(more.rows)) {
    header.blocks.push({name, type: 'constant', low});
  }
  let text = JSON.stringify(header);
  while ((text.length + 4) %% 8) text += ' ';
  const head = new TextEncoder().encode(text);
  const found = new Uint8Array(4 + head.length + bytes.length - 4 - length);
  new DataView(found.buffer).setUint32(0, head.length, true);
  found.set(head, 4);
  found.set(bytes.slice(4 + length), 4 + head.length);
  return new Response(found);
};
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("replicas")
    writer = SummaryWriter(logdir / GRID.run)
    for column in range(GRID.columns):
        quantities = {
            "norm_log10": np.array([-3.0, -2.0, -1.0]),
            "zero_fraction": np.array([0.25, 0.0, 0.0]),
            "non_finite": np.array([0.0, 0.0, 7.0]),
        }
        writer.flow(LAYERS, quantities, 10 * column)
    writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        yield FlowTab(driver, tensorboard.url)


def enter(page: FlowTab, header: dict[str, Any], rows: dict[str, float]) -> None:
    """Opens the tab with replies that have more than the events."""
    patch = PATCH % json.dumps({"header": header, "rows": rows})
    added = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": patch}
    )
    page.enter({GRID.run})
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    page.select("#axis", "linear")


def row_colours(page: FlowTab, layer: int, share: float) -> set[tuple[int, ...]]:
    """Returns the colours of a row of pixels in a cell, at a share of its height."""
    canvas = page.card(GRID.run, ".map")
    width = (canvas.size["width"] - LEFT - 8) / GRID.columns
    height = (canvas.size["height"] - TOP - 22) / GRID.layers
    y = TOP + (GRID.layers - 1 - layer + share) * height
    return page.colours(".map", LEFT + 4.2 * width, y, 0.6 * width, 1)


def read(page: FlowTab, column: int, layer: int) -> str:
    page.hover(GRID, column, layer)
    start = f"{LAYERS[layer]} · step {10 * column} · "
    page.until(lambda: page.readout(GRID.run).startswith(start), start)
    return page.readout(GRID.run)


def test_shares_of_replicas_lie_over_the_cell(page: FlowTab) -> None:
    rows = {"zero_replicas": 0.3, "non_finite_replicas": 0.09}
    enter(page, {"replicas": 100}, rows)
    zero, not_finite = page.swatches()
    for layer in range(GRID.layers):
        assert row_colours(page, layer, 0.03) <= not_finite
        assert row_colours(page, layer, 0.9) <= zero
        (between,) = row_colours(page, layer, 0.4)
        assert between in page.scale_colours()
    # Of the last layer some elements are not finite, but the median is.
    said = read(page, 2, 2)
    assert "9 of 100 replicas not finite" in said
    assert "30 of 100 replicas exactly zero" in said
    # The shares are those of the norm.
    page.select("#quantity", "zero_fraction")
    assert row_colours(page, 0, 0.9) == row_colours(page, 0, 0.4)
    page.select("#quantity", "norm_log10")


def test_of_an_unknown_number_of_replicas_the_share_is_said(page: FlowTab) -> None:
    enter(page, {"replicas": None}, {"zero_replicas": 0.3, "non_finite_replicas": 0})
    said = read(page, 2, 1)
    assert "30 % of the replicas exactly zero" in said
    assert "replicas not finite" not in said


def test_the_least_share_is_a_pixel(page: FlowTab) -> None:
    enter(page, {}, {"zero_replicas": 0.001, "non_finite_replicas": 0.001})
    zero, not_finite = page.swatches()
    cell = page.cell(Grid(GRID.run, GRID.columns, GRID.layers), 3, 0)
    assert len(cell) == 1
    whole = page.colours(".map")
    assert zero & whole and not_finite & whole


@pytest.mark.parametrize(
    ("zeros", "faults", "wanted"),
    [
        (0.51, 0.0, "zero"),
        (0.5, 0.0, "scale"),
        (0.3, 0.49, "zero"),
        (0.2, 0.49, "scale"),
        (0.4, 0.5, "not finite"),
        (0.0, 0.0, "scale"),
    ],
)
def test_a_cell_is_what_the_median_of_the_replicas_is(
    page: FlowTab, zeros: float, faults: float, wanted: str
) -> None:
    enter(page, {}, {"zero_replicas": zeros, "non_finite_replicas": faults})
    zero, not_finite = page.swatches()
    # Between the shares at the top and at the bottom.
    found = row_colours(page, 1, 0.495 if zeros >= 0.5 else 0.6)
    kinds = {"zero": zero, "not finite": not_finite, "scale": page.scale_colours()}
    assert found <= kinds[wanted], wanted
    assert ("norm exactly 0" in read(page, 1, 1)) == (wanted == "zero")


def test_without_shares_a_cell_is_as_before(page: FlowTab) -> None:
    enter(page, {}, {})
    _, not_finite = page.swatches()
    assert page.cell(GRID, 4, 2) == not_finite
    (colour,) = page.cell(GRID, 4, 1)
    assert colour in page.scale_colours()
    assert "replicas" not in read(page, 4, 1)


def test_the_first_faulty_record_is_flagged_and_said(page: FlowTab) -> None:
    enter(page, {"fault_step": None}, {})
    x = LEFT + (FAULT / 60) * (page.card(GRID.run, ".map").size["width"] - LEFT - 8)
    box = (x - 2, 1, 4, 3)
    assert page.colours(".map", *box) == {(0, 0, 0)}
    assert "faulty" not in page.readout(GRID.run)
    diagnosis = {"verdict": "exploding", "evidence": "So.", "advice": "Do."}
    enter(page, {"fault_step": FAULT, "diagnosis": diagnosis}, {})
    assert page.card(GRID.run, ".badge").text == "exploding"
    assert page.colours(".map", *box) == {(220, 20, 40)}
    assert f"First faulty record at step {FAULT}." in page.readout(GRID.run)
    assert "first faulty record" in read(page, FAULT // 10, 1)
    assert "· first faulty record" not in read(page, 1, 1)


def test_the_cursor_is_seen_on_every_cell_and_theme(page: FlowTab) -> None:
    enter(page, {}, {"zero_replicas": 0.3, "non_finite_replicas": 0.09})
    page.hover(GRID, 2, 1)
    page.until(lambda: "step 20" in page.readout(GRID.run), "the cursor")
    switch = "parent.document.body.classList.toggle('dark-mode', arguments[0])"
    is_dark = "return document.documentElement.classList.contains('dark')"
    for dark in (True, False):
        page.driver.execute_script(switch, dark)
        page.until(lambda d=dark: page.driver.execute_script(is_dark) is d, "the mode")
        canvas = page.card(GRID.run, ".map")
        x = LEFT + (20 / 60) * (canvas.size["width"] - LEFT - 8)
        for y in (TOP + 4, TOP + 40, canvas.size["height"] - 22 - 4):
            found = page.colours(".map", x - 4, y, 8, 1)
            light = [sum(colour) for colour in found]
            assert max(light) - min(light) > 400, (dark, y, found)
