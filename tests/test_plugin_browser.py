"""The Gradient flow tab in a real TensorBoard and a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import TensorBoard, chromium
from flow_tab import FlowTab, Grid
from PIL import Image
from selenium.webdriver.common.keys import Keys

from deepxor.board import flow
from deepxor.board.summaries import SummaryWriter

HOSTILE = "<img src=x onerror=document.title=1>"
LAYERS = ["layer1", HOSTILE]

# A run whose numbers all differ; a spreadsheet would take its name for a formula.
GRID = Grid("=cells", columns=8, layers=4)
GRID_LAYERS = ["l0", "l1", "l2", "l3"]
# Column and layer. The gradient of the last has elements that are not finite, and yet
# a norm, which must not count either.
ZERO, NOT_FINITE, HUGE = (3, 1), (5, 2), (6, 0)
RUNS = {"a", HOSTILE, GRID.run}


def make_cells() -> dict[str, np.ndarray]:
    """Returns quantity -> [columns, layers]."""
    column, layer = np.mgrid[: GRID.columns, : GRID.layers]
    norm = -6 + 0.8 * layer + 0.1 * column
    update_ratio = norm - 1
    # Measured at every second record only.
    update_ratio[1::2] = np.nan
    fraction = 0.01 * (GRID.layers * column + layer)
    non_finite = np.zeros(norm.shape)
    norm[ZERO], norm[NOT_FINITE], norm[HUGE] = -12, np.nan, 30
    non_finite[NOT_FINITE], non_finite[HUGE] = 3, 2
    tables = {
        "norm_log10": norm,
        "norm_log10_p10": norm - 0.3,
        "norm_log10_p90": norm + 0.2,
        "zero_fraction": fraction + 0.1,
        "non_finite": non_finite,
        "update_ratio_log10": update_ratio,
        "dead_fraction": fraction + 0.2,
        "saturated_fraction": fraction + 0.3,
    }
    tables["zero_fraction"][ZERO] = 1
    return {name: table.astype(np.float32) for name, table in tables.items()}


CELLS = make_cells()


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
    live.append(SummaryWriter(logdir / GRID.run))
    for column in range(GRID.columns):
        record = {name: table[column] for name, table in CELLS.items()}
        live[-1].flow(GRID_LAYERS, record, 10 * column)
    live[-1].flush()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(RUNS)
        yield page
    for writer in live:
        writer.close()


@pytest.fixture
def cells(page: FlowTab) -> Iterator[FlowTab]:
    """Shows the run of `GRID` alone."""
    page.filter("cells$")
    page.until(lambda: page.texts(".card h2") == [GRID.run], "one card")
    yield page
    page.filter("")
    page.wait_for_texts(".card h2", RUNS)


def power(log10: float) -> str:
    value = 10.0**log10
    if 0.01 <= value < 1000:
        return f"{value:.2g}"
    return re.sub("e-0", "e-", f"{value:.1e}")


def percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def number(name: str, cell: tuple[int, int]) -> float:
    return float(CELLS[name][cell])


def text_of(column: int, layer: int) -> str:
    """Returns what the page should say of an ordinary cell."""
    norm, low, high, zero = (
        number(name, (column, layer))
        for name in ("norm_log10", "norm_log10_p10", "norm_log10_p90", "zero_fraction")
    )
    return (
        f"l{layer} \u00b7 step {10 * column} \u00b7 norm {power(norm)} \u00b7 the median "
        f"of replicas, p10\u2013p90 {power(low)} to {power(high)} \u00b7 {percent(zero)} "
        "of the gradient exactly zero"
    )


def wait_for_readout(page: FlowTab, text: str) -> None:
    page.wait_for(lambda: [page.readout(GRID.run)], {text})


def test_cards_badges_and_names_that_stay_text(page: FlowTab) -> None:
    assert sorted(page.texts(".badge")) == ["healthy", "training", "training"]
    assert set(page.texts("nav .name")) == RUNS
    page.point("a", 0.1, 0.1)
    page.until(lambda: page.readout("a").startswith(f"{HOSTILE} \u00b7 step "), HOSTILE)
    assert not page.elements("img")


def test_the_cell_of_the_keyboards_cursor_is_the_event(page: FlowTab) -> None:
    page.card("a", ".map").send_keys(Keys.HOME, *[Keys.ARROW_DOWN] * 2)
    wanted = (
        "norm 1.0e-5 · the median of replicas, p10\u2013p90 1.0e-6 to 1.0e-4 · 25 %"
    )
    page.until(
        lambda: "step 0" in page.readout("a") and wanted in page.readout("a"), wanted
    )


@pytest.mark.parametrize("cell", [(0, 0), (0, 3), (4, 1), (5, 1), (7, 0), (7, 3)])
def test_the_cell_under_the_pointer_is_the_event(
    cells: FlowTab, cell: tuple[int, int]
) -> None:
    cells.hover(GRID, *cell)
    wait_for_readout(cells, text_of(*cell))


def test_zero_and_not_finite_are_said(cells: FlowTab) -> None:
    for cell, words in {
        ZERO: "l1 · step 30 · norm exactly 0",
        NOT_FINITE: "l2 · step 50 · 3 gradient elements not finite · norm not finite",
        HUGE: "l0 · step 60 · 2 gradient elements not finite",
    }.items():
        cells.hover(GRID, *cell)
        cells.until(lambda text=words: cells.readout(GRID.run).startswith(text), words)


def test_zero_and_not_finite_have_colours_off_the_scale(cells: FlowTab) -> None:
    zero, not_finite = cells.swatches()
    assert len(zero) == len(not_finite) == 2
    scale = {cells.scale_colour(i / 400) for i in range(401)}
    assert not zero & not_finite
    assert not (zero | not_finite) & scale
    assert cells.cell(GRID, *ZERO) == zero
    assert cells.cell(GRID, *NOT_FINITE) == not_finite
    assert cells.cell(GRID, *HUGE) == not_finite
    # The lowest and the highest cell are the ends, so nothing else stretches it.
    for cell, end in (((0, 0), 0), ((7, 3), 1)):
        (colour,) = cells.cell(GRID, *cell)
        assert colour == cells.scale_colour(end)
    (label,) = cells.attributes("#scale", "aria-label")
    assert label == "Colour scale: Gradient norm, 1.0e-6 to 1.3e-3"


@pytest.mark.parametrize(
    ("name", "label", "ends"),
    [
        ("norm_log10", "Gradient norm", (-6, -2.9)),
        ("update_ratio_log10", "Update-to-weight ratio", (-7, -4)),
        ("zero_fraction", "Zero fraction of the gradient", (0, 1)),
        ("dead_fraction", "Dead units", (0, 1)),
        ("saturated_fraction", "Saturated units", (0, 1)),
    ],
)
def test_each_quantity_is_coloured_named_and_said(
    cells: FlowTab, name: str, label: str, ends: tuple[float, float]
) -> None:
    cells.select("#quantity", name)
    cells.hover(GRID, 4, 2)
    cells.wait_for_texts("#profile-title", {f"{label} by layer at step 40"})
    value = number(name, (4, 2))
    wanted = cells.scale_colour((value - ends[0]) / (ends[1] - ends[0]))
    (colour,) = cells.cell(GRID, 4, 2)
    np.testing.assert_allclose(colour, wanted, atol=4)
    said = text_of(4, 2)
    if name not in ("norm_log10", "zero_fraction"):
        shown = power(value) if name.endswith("log10") else percent(value)
        said += f" \u00b7 {label.lower()} {shown}"
    wait_for_readout(cells, said)
    cells.select("#quantity", "norm_log10")


def test_the_step_axis_is_linear_or_logarithmic(cells: FlowTab) -> None:
    # The axis ends at 80, as the last column is as wide as the one before it:
    # 0.6 * 80 = 48, and 81 ** 0.6 - 1 = 13.
    for axis, step in (("log", 10), ("linear", 40)):
        cells.select("#axis", axis)
        # Elsewhere first: a pointer that stays where it is says nothing.
        cells.point(GRID.run, 0.1, 0.9)
        cells.point(GRID.run, 0.6, 0.1)
        wait_for_readout(cells, text_of(step // 10, 3))


def test_choices_outlast_a_reload(page: FlowTab) -> None:
    page.select("#quantity", "dead_fraction")
    page.select("#axis", "log")
    page.elements(f'nav input[data-run="{GRID.run}"]')[0].click()
    page.filter("a$|cells")
    page.enter({"a"})
    assert page.texts(".card h2") == ["a"]
    assert set(page.texts("nav .name")) == {"a", GRID.run}
    assert page.selected("#quantity") == "dead_fraction"
    assert page.selected("#axis") == "log"
    assert page.elements("#filter")[0].get_property("value") == "a$|cells"
    page.filter("")
    page.select("#quantity", "norm_log10")
    page.select("#axis", "linear")
    page.elements("#reset")[0].click()
    page.wait_for_texts(".card h2", RUNS)


@pytest.fixture
def downloads(page: FlowTab, tmp_path: Path) -> Path:
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior",
        {"behavior": "allow", "downloadPath": str(tmp_path)},
    )
    return tmp_path


def test_csv_has_the_numbers_of_the_events(page: FlowTab, downloads: Path) -> None:
    page.elements("#csv")[0].click()
    path = downloads / "gradient-flow.csv"
    page.until(path.exists, "the download")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["run"] for row in rows} == {"a", HOSTILE, f"'{GRID.run}"}
    rows = [row for row in rows if row["run"] == f"'{GRID.run}"]
    assert [row["layer"] for row in rows] == GRID_LAYERS * GRID.columns
    steps = np.repeat(10 * np.arange(GRID.columns), GRID.layers)
    assert [int(row["step"]) for row in rows] == steps.tolist()
    for name in flow.QUANTITIES:
        found = np.array([row[name] or "nan" for row in rows], np.float32)
        np.testing.assert_array_equal(found, CELLS[name].ravel(), name)


def test_png_is_a_picture_of_the_cards(page: FlowTab, downloads: Path) -> None:
    colours = {page.scale_colour(i / 20) for i in range(21)}
    page.elements("#png")[0].click()
    path = downloads / "gradient-flow.png"
    page.until(path.exists, "the download")
    picture = Image.open(path).convert("RGB")
    # Two cards of 560 beside each other, twice as fine as a plain screen.
    assert picture.width > 2 * 2 * 560
    shown = {colour for _, colour in picture.getcolors(1 << 24)}
    zero, not_finite = page.swatches()
    assert zero | not_finite <= shown
    assert len(colours & shown) > 10


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
