"""What a real TensorBoard shows of real runs, read from its pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Page, TensorBoard, chromium

LAYERS = [*(f"layer{i}" for i in range(1, 11)), "hypothesis"]
RUNS = ["deep-relu", "deep-sigmoid"]

# Headings and lines of the cards of TensorBoard's tabs.
CARD = "div.heading-label.name"
LINE = '.line-plot:not(.ghost) path.line[d^="M"]'


@pytest.fixture(scope="module")
def page(demo_logdir: Path) -> Iterator[Page]:
    """Serves the demo's runs and opens a browser, one for all tests here."""
    with TensorBoard(demo_logdir) as tensorboard, chromium() as driver:
        tensorboard.wait_for_runs("outcome")
        yield Page(driver, tensorboard.url)


def graph_nodes(page: Page) -> list[str]:
    """Returns the full names of the nodes that the graph shows."""
    return page.attributes("g.node", "data-name")


def test_scalars_show_the_outcome_of_both_runs(page: Page) -> None:
    page.open("scalars&tagFilter=^(cost|accuracy|solved|diverged)$")
    tags = {"cost", "accuracy", "solved", "diverged"}
    page.wait_for_texts(CARD, tags)
    page.wait_for_count(LINE, len(RUNS) * len(tags))


def test_scalars_show_the_gradient_of_every_layer(page: Page) -> None:
    page.open("scalars&tagFilter=^gradient_norm_log10/")
    tags = {f"gradient_norm_log10/{layer}" for layer in LAYERS}
    page.wait_for_texts(CARD, tags)
    page.wait_for_count(LINE, len(RUNS) * len(tags))


def test_time_series_groups_the_tags(page: Page) -> None:
    page.open("timeseries")
    scalars = {"accuracy", "cost", "gradient_norm_log10", "gradient_zero_fraction"}
    histograms = {"activations", "biases", "gradient_norm_log10_histogram", "weights"}
    pictures = {"decision_surface"}
    page.wait_for_texts("span.group-title", scalars | histograms | pictures)


def test_graph_is_one_box_a_layer(page: Page) -> None:
    page.open("graphs&run=deep-relu")
    wanted = {*LAYERS, "cost", "accuracy", "train"}
    shown = page.wait_for(lambda: graph_nodes(page), wanted)
    # The input may stand at the foot; all else would clutter the column.
    assert set(shown) - wanted <= {"x"}


def test_graph_shows_what_a_layer_computes(page: Page) -> None:
    page.open("graphs&run=deep-relu")
    box = 'g.node[data-name="layer1"] > g.nodeshape > rect'
    (layer,) = page.until(lambda: page.elements(box), "layer1")
    page.driver.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))", layer
    )
    parts = {f"layer1/{part}" for part in ("multiply", "add", "relu")}
    page.wait_for(lambda: graph_nodes(page), parts)


def test_histograms_show_weights_outputs_and_gradients(page: Page) -> None:
    page.open("histograms&tagFilter=/layer1$")
    names = ("weights", "biases", "activations", "gradient_norm_log10_histogram")
    page.wait_for_texts(CARD, {f"{name}/layer1" for name in names})
    page.wait_for_texts("#heading-run", set(RUNS))
    # One outline a record: steps 0, 100 ... 2000.
    page.wait_for_count("g.histogram path.outline", 21 * len(RUNS) * len(names))


def test_distributions_show_weights_and_gradients(page: Page) -> None:
    page.open("distributions&tagFilter=/layer10$")
    names = ("weights", "biases", "activations", "gradient_norm_log10_histogram")
    page.wait_for_texts(CARD, {f"{name}/layer10" for name in names})
    page.wait_for_count('.area-plot path.area[d^="M"]', len(RUNS) * len(names))


def test_hparams_has_a_row_a_run(page: Page) -> None:
    page.open("hparams")
    columns = page.wait_for_texts(
        "div.table-header", {"Trial ID", "activation", "solved", "cost", "accuracy"}
    )
    # The column of tick boxes has no text.
    columns.remove("Show Metrics")
    cells = page.wait_for_texts("div.table-cell:not(.table-header)", set(RUNS))
    rows = [
        dict(zip(columns, cells[start : start + len(columns)], strict=True))
        for start in range(0, len(cells), len(columns))
    ]
    assert sorted(row["Trial ID"] for row in rows) == RUNS
    for row in rows:
        assert row["Trial ID"] == f"deep-{row['activation']}"
        assert 0 <= float(row["solved"]) <= float(row["accuracy"]) <= 1
        assert float(row["cost"]) > 0


def test_custom_scalars_shows_two_charts(page: Page) -> None:
    page.open("custom_scalars")
    chart = "tf-custom-scalar-multi-line-chart-card, tf-custom-scalar-margin-chart-card"
    page.until(lambda: len(page.elements(chart)) == 2, "two charts")
    # A line a layer in one chart, one in the other, of each run.
    page.wait_for_count(LINE, len(RUNS) * (len(LAYERS) + 1))


def test_images_show_the_decision_surface(page: Page) -> None:
    page.open("images")
    cards = page.wait_for_texts(CARD, {"decision_surface"})
    assert len(cards) == len(RUNS)
    page.wait_for_count("img", len(RUNS))
    for image in page.elements("img"):
        page.until(lambda image=image: image.get_property("naturalWidth"), "a picture")


def test_text_tells_settings_and_outcome(page: Page) -> None:
    page.open("text")
    page.wait_for_texts(CARD, {"settings", "outcome"})
    page.wait_for_texts("td", {"solved", "learning rate", "0.1", "sigmoid", "relu"})
