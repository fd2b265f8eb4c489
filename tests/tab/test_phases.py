"""A run whose layers change, in a real TensorBoard and a real browser."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.support.color import Color

from deepxor.events import gradient_flow
from deepxor.events.writer import SummaryWriter
from deepxor.verdicts import by_name
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

LAYERS = ["base/b1", "base/b2", "head"]
# The head alone, then all that is behind b1, then all: a fit each.
PHASES = (["head"], ["base/b2", "head"], LAYERS)
RECORDS = 2
GRID = Grid("unfreezing", columns=RECORDS * len(PHASES), layers=len(LAYERS))
VERDICTS = {GRID.run: "vanishing", "odd": "constructor"}


def write_phases(folder: Path) -> None:
    for phase, layers in enumerate(PHASES):
        writer = SummaryWriter(folder)
        for record in range(RECORDS):
            depth = np.arange(len(layers)) - len(layers)
            values = {
                "norm_log10": depth + 0.5,
                "zero_fraction": np.full(len(layers), 0.25),
                "non_finite": np.zeros(len(layers)),
            }
            if record == 0:
                values["dead_fraction"] = np.full(len(layers), 0.5)
            writer.flow(layers, values, 10 * (RECORDS * phase + record))
        writer.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("phases")
    for run, verdict in VERDICTS.items():
        write_phases(logdir / run)
        writer = SummaryWriter(logdir / run)
        said = {"verdict": verdict, "evidence": "So.", "advice": "Do."}
        writer.flow_diagnosis(said, 10 * (GRID.columns - 1))
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(set(VERDICTS))
        page.select("#axis", "linear")
        yield page


def test_the_reply_has_all_layers_and_the_steps_of_all_phases(page: FlowTab) -> None:
    address = f"{page.url}data/plugin/gradient_flow/flow?run={GRID.run}"
    with urllib.request.urlopen(address, timeout=10) as response:
        data = response.read()
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    assert (header["error"], header["note"]) == (None, None)
    assert header["layers"] == LAYERS
    steps = np.frombuffer(data, "<f8", header["columns"], 4 + size)
    assert steps.tolist() == [10 * column for column in range(GRID.columns)]
    names = [block["name"] for block in header["blocks"]]
    assert names == ["step", *gradient_flow.QUANTITIES]


def test_the_card_shows_every_layer_and_no_error(page: FlowTab) -> None:
    assert page.elements(".note") == []
    (label, _) = page.attributes(".map", "aria-label")
    assert f"{GRID.layers} layers, {GRID.columns} records" in label
    for layer, norm in enumerate(("3.2e-3", "0.032", "0.32")):
        page.hover(GRID, GRID.columns - 1, layer)
        wanted = f"{LAYERS[layer]} · step 50 · norm {norm} · 25 % of the gradient "
        wanted += "exactly zero"
        page.wait_for(lambda: [page.readout(GRID.run)], {wanted})


def test_what_was_frozen_is_not_measured(page: FlowTab) -> None:
    empty = page.driver.execute_script(
        "return getComputedStyle(document.querySelector('.missing')).backgroundColor"
    )
    colour = Color.from_string(empty)
    missing = {(int(colour.red), int(colour.green), int(colour.blue))}
    said = "base/b1 · step 10 · not measured"
    labels = {"norm_log10": "Gradient norm", "dead_fraction": "Dead units"}
    for quantity, label in labels.items():
        page.select("#quantity", quantity)
        page.hover(GRID, 1, 0)
        page.wait_for(lambda: [page.readout(GRID.run)], {said})
        page.wait_for_texts("#profile-title", {f"{label} by layer at step 10"})
        for column in range(GRID.columns):
            for layer, name in enumerate(LAYERS):
                is_missing = name not in PHASES[column // RECORDS]
                shown = page.cell(GRID, column, layer)
                assert (shown == missing) == is_missing, (quantity, column, name)
    page.select("#quantity", "norm_log10")


def test_a_badge_has_the_colour_of_its_verdict_alone(page: FlowTab) -> None:
    grey = by_name()["undecided"].colour
    for run, verdict in VERDICTS.items():
        badge = page.card(run, ".badge")
        assert badge.text == verdict
        found = Color.from_string(badge.value_of_css_property("background-color")).hex
        assert found == (by_name()[verdict].colour if verdict in by_name() else grey)
