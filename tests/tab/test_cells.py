"""Every cell of the Gradient flow tab against the events: colours, texts, downloads."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepxor.events import gradient_flow
from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab, Grid

# A run whose numbers all differ; a spreadsheet would take its name for a formula.
GRID = Grid("=cells", columns=8, layers=4)
LAYERS = ["l0", "l1", "l2", "l3"]
# Column and layer. The gradient of the last has elements that are not finite, and yet
# a norm, which must not count either.
ZERO, NOT_FINITE, HUGE = (3, 1), (5, 2), (6, 0)
OTHER = "filtered out"


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
        "activation_rms_log10": 0.05 * layer - 0.01 * column,
    }
    tables["zero_fraction"][ZERO] = 1
    return {name: table.astype(np.float32) for name, table in tables.items()}


CELLS = make_cells()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("cells")
    for run in (GRID.run, OTHER):
        writer = SummaryWriter(logdir / run)
        for column in range(GRID.columns):
            record = {name: table[column] for name, table in CELLS.items()}
            if run == OTHER:
                # What is not shown must not stretch the scale either.
                record = {"norm_log10": np.full(GRID.layers, 20.0)}
            writer.flow(LAYERS, record, 10 * column)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter({GRID.run, OTHER})
        page.filter("cells$")
        page.until(lambda: page.texts(".card h2") == [GRID.run], "one card")
        page.select("#axis", "linear")
        yield page


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
        f"l{layer} · step {10 * column} · norm {power(norm)} · the median of replicas, "
        f"p10\u2013p90 {power(low)} to {power(high)} · {percent(zero)} of the gradient "
        "exactly zero"
    )


def wait_for_readout(page: FlowTab, text: str) -> None:
    page.wait_for(lambda: [page.readout(GRID.run)], {text})


@pytest.mark.parametrize("cell", [(0, 0), (0, 3), (4, 1), (5, 1), (7, 0), (7, 3)])
def test_the_cell_under_the_pointer_is_the_event(
    page: FlowTab, cell: tuple[int, int]
) -> None:
    page.hover(GRID, *cell)
    wait_for_readout(page, text_of(*cell))


def test_zero_and_not_finite_are_said(page: FlowTab) -> None:
    for cell, words in {
        ZERO: "l1 · step 30 · norm exactly 0",
        NOT_FINITE: "l2 · step 50 · 3 gradient elements not finite · norm not finite",
        HUGE: "l0 · step 60 · 2 gradient elements not finite",
    }.items():
        page.hover(GRID, *cell)
        page.until(lambda text=words: page.readout(GRID.run).startswith(text), words)


def test_zero_and_not_finite_have_colours_off_the_scale(page: FlowTab) -> None:
    zero, not_finite = page.swatches()
    assert len(zero) == len(not_finite) == 2
    scale = page.scale_colours()
    assert not zero & not_finite
    assert not (zero | not_finite) & scale
    assert page.cell(GRID, *ZERO) == zero
    assert page.cell(GRID, *NOT_FINITE) == not_finite
    assert page.cell(GRID, *HUGE) == not_finite
    # The lowest and the highest cell are the ends, so nothing else stretches it.
    for cell, end in (((0, 0), 0), ((7, 3), 1)):
        (colour,) = page.cell(GRID, *cell)
        assert colour == page.scale_colour(end)
    (label,) = page.attributes("#scale", "aria-label")
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
    page: FlowTab, name: str, label: str, ends: tuple[float, float]
) -> None:
    page.select("#quantity", name)
    page.hover(GRID, 4, 2)
    page.wait_for_texts("#profile-title", {f"{label} by layer at step 40"})
    value = number(name, (4, 2))
    wanted = page.scale_colour((value - ends[0]) / (ends[1] - ends[0]))
    (colour,) = page.cell(GRID, 4, 2)
    np.testing.assert_allclose(colour, wanted, atol=4)
    said = text_of(4, 2)
    if name not in ("norm_log10", "zero_fraction"):
        shown = power(value) if name.endswith("log10") else percent(value)
        said += f" · {label.lower()} {shown}"
    wait_for_readout(page, said)
    page.select("#quantity", "norm_log10")


def test_the_step_axis_is_linear_or_logarithmic(page: FlowTab) -> None:
    # The axis ends at 80, as the last column is as wide as the one before it:
    # 0.6 * 80 = 48, and 81 ** 0.6 - 1 = 13.
    for axis, step in (("log", 10), ("linear", 40)):
        page.select("#axis", axis)
        # Elsewhere first: a pointer that stays where it is says nothing.
        page.point(GRID.run, 0.1, 0.9)
        page.point(GRID.run, 0.6, 0.1)
        wait_for_readout(page, text_of(step // 10, 3))


def test_csv_has_the_numbers_of_the_events(page: FlowTab, tmp_path: Path) -> None:
    text = page.download("csv", tmp_path).read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["run"] for row in rows} == {f"'{GRID.run}"}
    assert [row["layer"] for row in rows] == LAYERS * GRID.columns
    steps = np.repeat(10 * np.arange(GRID.columns), GRID.layers)
    assert [int(row["step"]) for row in rows] == steps.tolist()
    for name in gradient_flow.QUANTITIES:
        found = np.array([row[name] or "nan" for row in rows], np.float32)
        # Of one model there are no replicas.
        wanted = CELLS.get(name, np.full((GRID.columns, GRID.layers), np.nan)).copy()
        if name == "update_ratio_log10":
            # It is measured at every other record, and stands until the next.
            wanted[1::2] = wanted[: len(wanted) // 2 * 2 : 2]
        np.testing.assert_array_equal(found, wanted.ravel(), name)


def test_png_is_a_picture_of_the_cards(page: FlowTab, tmp_path: Path) -> None:
    picture = Image.open(page.download("png", tmp_path)).convert("RGB")
    # A card of 560, twice as fine as a plain screen.
    assert picture.width > 2 * 560
    shown = {colour for _, colour in picture.getcolors(1 << 24)}
    zero, not_finite = page.swatches()
    assert zero | not_finite <= shown
    scale = page.scale_colours()
    assert len(scale & shown) > len(scale) / 2
