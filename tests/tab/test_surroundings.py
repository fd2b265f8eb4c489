"""The Gradient flow tab beside broken runs, and where TensorBoard is less at home."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from tensorboard.compat.proto import summary_pb2
from tensorboard.util import tensor_util

from deepxor.events import gradient_flow
from deepxor.events.writer import SummaryWriter
from tests.support.browser import WINDOW, TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

LAYERS = ["in", "a-layer-with-a-name-that-does-not-fit", "out"]
LONG = "a-run-with-a-name-that-is-longer-than-the-list-of-runs-is-wide"
GRID = Grid("good", columns=3, layers=3)

COUNT = len(gradient_flow.QUANTITIES)

# Run -> what its card says is wrong; nothing where None.
REASONS = {
    GRID.run: None,
    LONG: None,
    "truncated": None,
    "shape": f"1 of 3 records left out: not {COUNT} quantities x 3 layers, as the "
    "first record says",
    "names": "Cannot be shown: The first record does not name its layers and "
    "quantities.",
    "text": f"Cannot be shown: 1 of 1 records left out: not {COUNT} quantities x 3 "
    "layers, as the first record says",
    "other": "Cannot be shown: It has no tag gradient_flow/layers.",
}
# Nothing says that it is, or was to be, a run with gradient flow: no card.
WITHOUT = "scalars"


def record(writer: SummaryWriter, step: int) -> None:
    norm = np.linspace(-4, -2, len(LAYERS)) + step / 100
    values = {"norm_log10": norm, "zero_fraction": np.full(len(LAYERS), 0.25)}
    writer.flow(LAYERS, values, step)


def foreign(
    content: bytes, tensor: object, tag: str = gradient_flow.TAG
) -> summary_pb2.Summary:
    """Returns a summary that claims to be this tab's."""
    value = gradient_flow.flow_value(gradient_flow.table(len(LAYERS), {}), LAYERS)
    value.tag = tag
    value.metadata.plugin_data.content = content
    value.tensor.CopyFrom(tensor_util.make_tensor_proto(tensor))
    return summary_pb2.Summary(value=[value])


def write_runs(logdir: Path) -> None:
    writers = {run: SummaryWriter(logdir / run) for run in (*REASONS, WITHOUT)}
    for run in (GRID.run, LONG, "truncated", "shape"):
        for step in (0, 10, 20):
            if run == "shape" and step == 10:
                odd = gradient_flow.flow_value(gradient_flow.table(2, {}))
                writers[run].summary(summary_pb2.Summary(value=[odd]), step)
            else:
                record(writers[run], step)
    content = json.dumps(
        {"layers": LAYERS, "quantities": gradient_flow.QUANTITIES}
    ).encode()
    writers["names"].summary(foreign(b"\xff\x00 rubbish", np.ones((8, 3))), 0)
    writers["text"].summary(foreign(content, "rubbish"), 0)
    writers["other"].summary(foreign(content, np.ones(3), "something_else"), 0)
    writers[WITHOUT].scalar("cost", 1.0, 0)
    for writer in writers.values():
        writer.close()
    (path,) = (logdir / "truncated").iterdir()
    path.write_bytes(path.read_bytes()[:-40])


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("surroundings")
    write_runs(logdir)
    return logdir


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module", params=["path_prefix=/some/prefix", "load_fast=false"])
def page(
    request: pytest.FixtureRequest, logdir: Path, driver: webdriver.Chrome
) -> Iterator[FlowTab]:
    with TensorBoard(logdir, f"--{request.param}") as tensorboard:
        page = FlowTab(driver, tensorboard.url)
        page.enter(set(REASONS))
        page.select("#axis", "linear")
        yield page


def notes(page: FlowTab) -> dict[str, str | None]:
    return {
        run: page.card(run, ".note").text or None
        for run in page.texts(".card h2 .name")
    }


def test_every_run_has_its_card_and_its_reason(page: FlowTab) -> None:
    assert notes(page) == REASONS
    # What helps is a button in the card, where nothing of the run is left.
    helped = {run for run in REASONS if page.card(run, ".hide").is_displayed()}
    assert helped == {"names", "text", "other"}
    shown = {run for run in REASONS if page.card(run, ".map").is_displayed()}
    assert shown == {GRID.run, LONG, "truncated", "shape"}


def test_a_run_that_cannot_be_read_can_be_left_out(page: FlowTab) -> None:
    page.card("text", ".hide").click()
    page.until(lambda: set(page.texts(".card h2")) == {*REASONS} - {"text"}, "the rest")
    page.elements("#reset")[0].click()
    page.wait_for_texts(".card h2", set(REASONS))
    page.until(lambda: not page.elements('[aria-busy="true"]'), "the cards' data")


def test_what_is_left_of_a_run_is_shown(page: FlowTab) -> None:
    labels = page.attributes(".map", "aria-label")
    records = {label.split(" of ")[1].split(",")[0]: label for label in labels}
    for run, count in {GRID.run: 3, "truncated": 2, "shape": 2}.items():
        assert f"3 layers, {count} records" in records[run]


def test_the_cell_under_the_pointer_is_the_event(page: FlowTab) -> None:
    page.hover(GRID, 1, 2)
    wanted = "out · step 10 · norm 0.013 · 25 % of the gradient exactly zero"
    page.wait_for(lambda: [page.readout(GRID.run)], {wanted})


@pytest.mark.parametrize("width", [900, 2500])
def test_cards_and_profile_fit_the_window(page: FlowTab, width: int) -> None:
    page.driver.set_window_size(width, 900)
    page.until(
        lambda: page.driver.execute_script("return innerWidth") == width, "width"
    )
    for scrolled in ("document.documentElement", "document.querySelector('main')"):
        inside = f"return {scrolled}.scrollWidth <= {scrolled}.clientWidth"
        page.until(lambda js=inside: page.driver.execute_script(js), scrolled)
    height = page.driver.execute_script("return innerHeight")
    maps = [element.rect for element in page.elements(".map")]
    assert len(maps) == 4
    assert all(box["width"] > 250 and box["x"] + box["width"] < width for box in maps)
    page.until(lambda: bottom_of(page, "#side") <= height, "the whole profile")
    (profile,) = (element.rect for element in page.elements("#profile"))
    assert profile["width"] > 250 and profile["height"] > 200
    (runs,) = (element.rect for element in page.elements("nav"))
    assert runs["width"] < width / 4
    page.driver.set_window_size(*WINDOW)


def bottom_of(page: FlowTab, css: str) -> float:
    (box,) = (element.rect for element in page.elements(css))
    return box["y"] + box["height"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder, and yields the address of its index.html."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


def test_in_a_frame_of_another_origin(page: FlowTab, tmp_path: Path) -> None:
    frame = f'<iframe src="{page.url}#gradient_flow" width=1200 height=800></iframe>'
    (tmp_path / "index.html").write_text(f"<!doctype html><h1>Notebook</h1>{frame}")
    with served(tmp_path) as address:
        page.driver.switch_to.default_content()
        page.driver.get(address)
        page.driver.switch_to.frame(0)
        page.enter_frame(set(REASONS))
        with pytest.raises(WebDriverException, match="cross-origin"):
            page.driver.execute_script("return top.document.title")
        assert notes(page) == REASONS
        page.hover(GRID, 0, 0)
        wanted = "in · step 0 · norm 1.0e-4 · 25 % of the gradient exactly zero"
        page.wait_for(lambda: [page.readout(GRID.run)], {wanted})
        page.filter("^good$")
        page.until(lambda: page.texts(".card h2") == [GRID.run], "one card")
        lines = page.download("csv", tmp_path).read_text().splitlines()
        assert len(lines) == 1 + GRID.columns * GRID.layers
        page.filter("")
        page.wait_for_texts(".card h2", set(REASONS))
    page.enter(set(REASONS))
