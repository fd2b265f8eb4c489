"""TensorBoard's own tabs for a logdir of runs with different networks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.browser import Page, TensorBoard, chromium

TRAIN = """
import sys, deepxor, keras, numpy as np
from deepxor.events.writer import SummaryWriter
quick = {"num_steps": 11, "replicas": 2}
for settings in (
    {},
    {"network": "wide", "activation": "relu"},
    {"hidden_units": (3, 2), "optimizer": "adam", "learning_rate": 0.01, "seed": 4},
):
    deepxor.train_experiment(deepxor.Experiment(**settings, **quick), sys.argv[1])
layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1, name="second")]
model = keras.Sequential([keras.Input((2,)), *layers])
model.compile("sgd", "mse")
x = np.random.default_rng(0).normal(size=(64, 2))
monitor = deepxor.GradientMonitor(sys.argv[1] + "/mine")
model.fit(x, x[:, :1], verbose=0, callbacks=[monitor])
writer = SummaryWriter(sys.argv[1] + "/mine")
writer.text("outcome", "as the other runs end with it", 0)
writer.close()
"""
LAYERS = {
    "deep-sigmoid": {*(f"layer{i}" for i in range(1, 11)), "hypothesis"},
    "wide-relu": {"layer1", "hypothesis"},
    "hidden_3_2-sigmoid": {"layer1", "layer2", "hypothesis"},
    "mine": {"first", "second"},
}
METRICS = ("solved", "cost", "accuracy")


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TensorBoard]:
    """Serves runs of three experiments and of a monitor."""
    logdir = tmp_path_factory.mktemp("mixed")
    subprocess.run([sys.executable, "-c", TRAIN, str(logdir)], check=True)
    with TensorBoard(logdir) as tensorboard:
        tensorboard.wait_for_runs("outcome")
        yield tensorboard


def test_there_is_one_chart_of_a_kind(tensorboard: TensorBoard) -> None:
    layout = tensorboard.get("data/plugin/custom_scalars/layout")
    (category,) = layout["category"]
    gradients, cost = category["chart"]
    assert gradients["title"] == "gradient norm of every layer (log10)"
    assert cost["title"].startswith("cost: ")
    (tag,) = gradients["multiline"]["tag"]
    for run, layers in LAYERS.items():
        query = f"data/plugin/custom_scalars/scalars?run={run}&tag={tag}"
        found = tensorboard.get(query)["tag_to_events"]
        assert set(found) == {f"gradient_norm_log10/{layer}" for layer in layers}


def test_the_metrics_are_in_sight_at_1280_pixels(tensorboard: TensorBoard) -> None:
    with chromium() as driver:
        driver.set_window_size(1280, 800)
        page = Page(driver, tensorboard.url)
        page.open("hparams")
        page.wait_for_texts("div.table-header", set(METRICS))
        cells = "div.table-cell:not(.table-header)"
        page.wait_for_texts(cells, {"2-3-2-1 adam learning_rate=0.01 seed=4", "wide"})
        width = driver.execute_script("return window.innerWidth")
        assert width <= 1280
        headers = [
            element
            for element in page.elements("div.table-header")
            if element.text in METRICS
        ]
        assert [element.text for element in headers] == list(METRICS)
        for element in headers:
            # Of the letters, as the cell itself is wider.
            left, right = driver.execute_script(
                "const range = document.createRange();"
                "range.selectNodeContents(arguments[0]);"
                "const box = range.getBoundingClientRect();"
                "return [box.left, box.right];",
                element,
            )
            assert 0 <= left < right <= width
