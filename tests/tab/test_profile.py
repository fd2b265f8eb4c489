"""The depth profile of the Gradient flow tab: pointing, picking, layers that differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard, chromium
from tests.support.flow_tab import FlowTab

SHARED = [f"encoder/block_{layer}_with_a_long_name_{layer}" for layer in range(5)]
OTHER = ["in", "middle", "out"]
# Run -> its layers, log10 of the norm of all of them, the step of its last record.
RUNS = {
    "high": (SHARED, 0.0, 40),
    "low": (SHARED, -4.0, 40),
    "other": (OTHER, -2.0, 20),
    "sparse": (SHARED, -6.0, 40),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowTab]:
    logdir: Path = tmp_path_factory.mktemp("profile")
    for run, (layers, norm, end) in RUNS.items():
        writer = SummaryWriter(logdir / run)
        for step in range(0, end + 1, 20 if run == "sparse" else 10):
            flat = np.full(len(layers), norm)
            quantities = {"norm_log10": flat}
            quantities |= {"norm_log10_p10": flat - 0.5, "norm_log10_p90": flat + 0.5}
            writer.flow(layers, quantities, step)
        said = {"verdict": "healthy", "evidence": "So.", "advice": "Do."}
        writer.flow_diagnosis(said, end)
        writer.close()
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        page = FlowTab(driver, tensorboard.url)
        page.enter(set(RUNS))
        yield page


def over_line(page: FlowTab, run: str, share: float) -> ActionChains:
    """Returns the way of the pointer to the line of a run, at a share of the depth."""
    (canvas,) = page.elements("#profile")
    width, height = canvas.size["width"], canvas.size["height"]
    # The middle of the marker that has the run's colour: found, not computed.
    colour = page.driver.execute_script(
        "const dots = [...document.querySelectorAll('#ends button')];"
        "const found = dots.find((b) => b.title === arguments[0]).firstChild;"
        "return getComputedStyle(found).backgroundColor.match(/\\d+/g).map(Number);",
        run,
    )
    x = round(52 + share * (width - 64))
    rows = page.driver.execute_script(
        """
        const [canvas, x, colour] = arguments;
        const height = canvas.height;
        const {data} = canvas.getContext('2d').getImageData(x, 0, 1, height);
        const rows = [];
        for (let y = 0; y < height; y++) {
          if (colour.every((value, c) => Math.abs(value - data[4 * y + c]) < 3) &&
            data[4 * y + 3] > 250) rows.push(y);
        }
        return rows;
        """,
        canvas,
        x,
        colour,
    )
    assert rows, run
    y = rows[len(rows) // 2]
    actions = ActionChains(page.driver)
    return actions.move_to_element_with_offset(
        canvas, round(x - width / 2), round(y - height / 2)
    )


def away(page: FlowTab) -> None:
    page.driver.execute_script("document.activeElement.blur()")
    title = page.elements("#profile-title")[0]
    ActionChains(page.driver).move_to_element(title).perform()


def found(page: FlowTab) -> str:
    return page.texts("#profile-readout")[0]


def lit(page: FlowTab) -> list[str]:
    return page.attributes(".card.lit", "data-run")


def test_pointing_at_a_line_says_run_layer_and_value(page: FlowTab) -> None:
    over_line(page, "low", 0.25).perform()
    wanted = f"low · {SHARED[1]} · 1.0e-4"
    page.until(lambda: found(page) == wanted, wanted)
    assert lit(page) == ["low"]
    assert page.attributes(".card.dim", "data-run") == ["high", "other", "sparse"]
    # Its layers are other ones: the middle is at half of the depth.
    away(page)
    page.until(lambda: not lit(page), "nothing that stands out")
    over_line(page, "other", 0.5).perform()
    page.until(lambda: found(page) == "other · middle · 0.01", "the middle")
    away(page)


def test_a_click_picks_and_escape_releases(page: FlowTab) -> None:
    away(page)
    page.until(lambda: not lit(page), "nothing that stands out")
    over_line(page, "high", 0.5).click().perform()
    away(page)
    page.until(lambda: lit(page) == ["high"], "the run that is picked")
    page.elements("#ends button")[1].send_keys(Keys.ENTER)
    away(page)
    page.until(lambda: lit(page) == ["high", "low"], "both")
    pressed = page.attributes("#ends button", "aria-pressed")
    assert pressed == ["true", "true", "false", "false"]
    wanted = json.dumps(["high", "low"], separators=(",", ":"))
    page.until(lambda: page.view().get("picked") == wanted, "it in the address")
    page.elements("#ends button")[0].send_keys(Keys.ENTER)
    away(page)
    page.until(lambda: lit(page) == ["low"], "one of them")
    ActionChains(page.driver).send_keys(Keys.ESCAPE).perform()
    page.until(lambda: not lit(page), "nothing that stands out")


def test_of_many_bands_only_those_picked_are_drawn(page: FlowTab) -> None:
    away(page)
    page.until(lambda: not lit(page), "nothing that stands out")
    without = page.colours("#profile")
    page.elements("#ends button")[1].send_keys(Keys.ENTER)
    away(page)
    page.until(lambda: lit(page) == ["low"], "the run that is picked")
    assert len(band(page)) > 0
    page.elements("#ends button")[1].send_keys(Keys.ENTER)
    away(page)
    page.until(lambda: not lit(page), "nothing that stands out")
    assert page.colours("#profile") == without
    assert not band(page)
    page.filter("high|low")
    page.until(lambda: len(page.elements(".card")) == 2, "two cards")
    page.until(lambda: len(band(page)) > 0, "the bands of few runs")
    page.filter("")
    page.wait_for_texts(".card h2", set(RUNS))


def band(page: FlowTab) -> list[int]:
    """Returns the pixels of the profile that are as faint as a band."""
    return page.driver.execute_script(
        """
        const canvas = document.querySelector('#profile');
        const {data} = canvas.getContext('2d').getImageData(
          60, 0, 20, canvas.height - 85);
        return [...data].filter((value, i) => i % 4 === 3 && value === 51);
        """
    )


def test_the_entry_of_a_run_names_the_step_that_is_shown(page: FlowTab) -> None:
    slider = page.elements("#step")[0]
    slider.send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 3)
    page.wait_for_texts("#profile-title", {"Gradient norm by layer at step 30"})
    texts = dict(zip(RUNS, page.texts("#ends .text"), strict=True))
    assert "step" not in texts["high"] and "record" not in texts["high"]
    assert texts["sparse"].endswith("(step 20)")
    assert texts["other"].endswith("last record: 20")


def test_a_prefix_is_named_once_and_names_are_whole_in_the_readout(
    page: FlowTab,
) -> None:
    assert page.card("high", ".prefix").text == "all: encoder/block_"
    assert not page.card("other", ".prefix").is_displayed()
    page.point("high", 0.5, 0.05)
    page.until(lambda: page.readout("high").startswith(SHARED[-1]), "the whole name")


def test_names_are_shortened_in_the_middle(page: FlowTab) -> None:
    script = """
      const done = arguments[arguments.length - 1];
      const words = import('/data/plugin/gradient_flow/drawing/words.js');
      words.then(({shortened, prefixOf}) => done([
        shortened('block3_conv_long_2d_1', (text) => text.length <= 16),
        shortened('short', () => true),
        prefixOf(['encoder/a', 'encoder/b']), prefixOf(['a.b', 'a.b']),
        prefixOf(['layer1', 'layer2']), prefixOf(['only/one']),
        prefixOf(['a_', 'a_b'])]));
    """
    assert page.driver.execute_async_script(script) == [
        "block3_conv\u20262d_1",
        "short",
        "encoder/",
        "a.",
        "",
        "",
        "",
    ]
