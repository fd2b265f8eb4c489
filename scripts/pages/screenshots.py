"""Retakes the pictures in docs/; scripts/screenshots runs it."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from deepxor.web.page import export
from scripts.pages import stage_animation
from tests.support.browser import Page, TensorBoard, chromium
from tests.support.static_site import static_site

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"

LINE = '.line-plot:not(.ghost) path.line[d^="M"]'

ACTIVATIONS = ("relu", "sigmoid")

# TensorBoard draws with few colours.
COLOURS = 128


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        tab: The fragment of the address.
        size: Of the window, in pixels.
        drawn: Selects what has to be there, so often, before the picture is taken.
        count: How often.
        prepare: Does what a reader would click first.
    """

    tab: str
    size: tuple[int, int]
    drawn: str
    count: int
    prepare: Callable[[Page], None] = lambda page: None


def enlarge_chart(page: Page) -> None:
    """Widens the first custom chart to the width of the page."""
    button = 'paper-icon-button[icon="fullscreen"]'
    page.wait_for_count(button, 2)
    page.elements(button)[0].click()


def wait_for_cards(page: Page) -> None:
    """Waits for the cards; by text, as elements of a frame are out of reach."""
    page.wait_for_texts(".badge", {"healthy", "vanishing"})


SHOTS = {
    "graph": Shot("graphs", (1200, 900), 'g.node[data-name="layer10"]', 1),
    "hparams": Shot("hparams", (1280, 340), "div.table-cell:not(.table-header)", 12),
    "images": Shot("images", (1130, 660), "img", 2),
    "gradient-flow": Shot("gradient_flow", (1400, 720), "iframe", 1, wait_for_cards),
}

# The gradients of a sigmoid network fall to rounding noise within some 200 steps: in
# TensorBoard's own charts of ten thousand, which have no logarithmic axis of steps,
# they are a vertical line. So these are of the demo's short runs.
FIRST_STEPS = "first-steps"
FIRST_SHOTS = {
    "custom_scalars": Shot(
        "custom_scalars&_smoothingWeight=0", (1400, 640), LINE, 24, enlarge_chart
    ),
    "scalars": Shot(
        "scalars&_smoothingWeight=0&tagFilter="
        "^cost$|^gradient_norm_log10/(layer(1|4|7|10)|hypothesis)$",
        (1440, 750),
        LINE,
        12,
    ),
    "histograms": Shot(
        "histograms&tagFilter=^gradient_norm_log10_histogram/(layer1|hypothesis)$",
        (1400, 680),
        "g.histogram path.outline",
        4 * 13,
    ),
}


def train(logdir: Path, *flags: str) -> None:
    """Trains the runs deep-relu and deep-sigmoid."""
    for activation in ACTIVATIONS:
        command = [sys.executable, "-m", "deepxor.train", f"--logdir={logdir}"]
        command += [f"--activation={activation}", "--quiet", *flags]
        subprocess.run(command, check=True)


def settled_screenshot(page: Page) -> Image.Image:
    """Returns what the window shows once two pictures in a row are the same."""
    pictures = [b"", b""]

    def is_settled() -> bool:
        reply = page.driver.execute_cdp_cmd("Page.captureScreenshot", {})
        pictures[:] = [pictures[1], base64.b64decode(reply["data"])]
        # Charts that are about to be drawn anew stand still for a moment.
        time.sleep(0.5)
        return pictures[0] == pictures[1]

    page.until(is_settled, "a picture that stays")
    return Image.open(io.BytesIO(pictures[1])).convert("RGB")


def take(page: Page, name: str, shot: Shot) -> None:
    """Takes one picture into docs/."""
    width, height = shot.size
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    page.open(shot.tab)
    shot.prepare(page)
    page.wait_for_count(shot.drawn, shot.count)
    # The logdir's path is of no interest to a reader.
    for path in page.elements("#data-location"):
        page.driver.execute_script("arguments[0].style.visibility = 'hidden'", path)
    save(settled_screenshot(page), name)


def save(image: Image.Image, name: str) -> None:
    """Writes a picture into docs/."""
    path = PICTURES / f"{name}.png"
    image.quantize(COLOURS).save(path, optimize=True)
    print(f"{path.relative_to(PICTURES.parent)}: {path.stat().st_size / 1000:.0f} kB")


def take_all(logdir: Path, shots: dict[str, Shot]) -> None:
    """Takes pictures of a logdir whose runs have finished."""
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        tensorboard.wait_for_runs("outcome")
        page = Page(driver, tensorboard.url)
        for name, shot in shots.items():
            take(page, name, shot)


def take_report(logdir: Path) -> None:
    """Takes a picture of the whole report on the runs of a logdir."""
    html = logdir.parent / "report.html"
    command = [sys.executable, "-m", "deepxor.compare", logdir, f"--html={html}"]
    subprocess.run(command, check=True)
    with chromium() as driver:
        driver.get(html.as_uri())
        size = {"width": 1100, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        size["height"] = driver.execute_script(
            "return document.documentElement.scrollHeight"
        )
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        save(settled_screenshot(Page(driver, html.as_uri())), "report")


def take_playground() -> None:
    """Takes a picture of the playground after a thousand steps or more."""
    with tempfile.TemporaryDirectory(prefix="deepxor-") as name, chromium() as driver:
        export(Path(name))
        size = {"width": 1280, "height": 1080, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        with static_site(Path(name)) as url:
            page = Page(driver, url)
            driver.get(f"{url}?lang=en&theme=light")
            page.wait_for_texts("output.steps", {"step 0"})
            page.elements("[data-do=start]")[0].click()
            page.until(
                lambda: int(re.sub(r"\D", "", page.texts("output.steps")[0])) > 1000,
                "step 1000",
            )
            page.elements("[data-do=start]")[0].click()
            save(settled_screenshot(page), "playground")


def demo_runs(logdir: Path, folder: Path) -> Path:
    """Returns a logdir with the demo's long runs only, which it copies."""
    for activation in ACTIVATIONS:
        run = f"deep-{activation}"
        shutil.copytree(logdir / run, folder / run)
    return folder


def main() -> None:
    """Takes all pictures of the runs of scripts/demo, whose logdir may be given.

    Without a logdir the same runs are trained.
    """
    with tempfile.TemporaryDirectory(prefix="deepxor-") as name:
        folder = Path(name)
        if len(sys.argv) > 1:
            logdir = Path(sys.argv[1]).resolve()
        else:
            logdir = folder / "demo"
            train(logdir)
            train(logdir / FIRST_STEPS, "--num_steps=301")
        runs = demo_runs(logdir, folder / "logdir")
        take_all(runs, SHOTS)
        take_report(runs)
        stage_animation.save(stage_animation.take(runs))
        take_all(logdir / FIRST_STEPS, FIRST_SHOTS)
    take_playground()


if __name__ == "__main__":
    main()
