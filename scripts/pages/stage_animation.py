"""Films the tab's stage into docs/pictures/stage.gif; scripts/screenshots calls it."""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path

from PIL import Image

from tests.support.browser import Page, TensorBoard, chromium

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "stage.gif"

# Of the picture, and of TensorBoard's bar above the tab, in pixels.
SIZE, BAR = (1280, 656), 64

# The pictures of the first step, while the pulse goes from the output to the input, and
# those of the steps after it, at even distances on the stage's logarithmic clock.
PULSE_PICTURES, STEP_PICTURES = 10, 40

# How long a picture is shown, and the last one, in milliseconds.
PICTURE_MS, LAST_MS = 180, 4_000

# A few colours for letters and edges, and those of the maps.
COLOURS = 96

RUNS = '[[0,"deep-relu"],[1,"deep-sigmoid"]]'
LINK = f"gradient_flow&p.gradient_flow.stage=1&p.gradient_flow.runs={RUNS}"

# Nobody can press the buttons of a picture.
HIDE_BUTTONS = """
const style = document.createElement('style');
style.textContent = '#stage .bar :is(button, output) { visibility: hidden; }';
document.head.append(style);
"""

MOVE = """
const slider = document.querySelector('#stage input[type="range"]');
slider.value = arguments[0] * slider.max;
slider.dispatchEvent(new Event('input'));
"""


def picture(page: Page) -> Image.Image:
    """Returns what the tab shows."""
    width, height = SIZE
    clip = {"x": 0, "y": BAR, "width": width, "height": height, "scale": 1}
    reply = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
    return Image.open(io.BytesIO(base64.b64decode(reply["data"]))).convert("RGB")


def take(logdir: Path) -> list[Image.Image]:
    """Returns the film: a pulse at the first step, then all steps to the end.

    Args:
        logdir: The folder of the finished runs deep-relu and deep-sigmoid.
    """
    with TensorBoard(logdir) as tensorboard, chromium() as driver:
        tensorboard.wait_for_runs("outcome")
        page = Page(driver, tensorboard.url)
        size = {"width": SIZE[0], "height": SIZE[1] + BAR, "mobile": False}
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1}
        )
        page.open(f"{LINK}&p.gradient_flow.step=0")
        page.wait_for_texts("#stage .success", {"solved: 0 of 100"})
        driver.switch_to.frame(driver.find_element("css selector", "iframe"))
        driver.execute_script(HIDE_BUTTONS)
        film = []
        for move in range(PULSE_PICTURES + STEP_PICTURES):
            part = max(0, move - PULSE_PICTURES + 1) / STEP_PICTURES
            if part:
                driver.execute_script(MOVE, part)
                # The cells light up one after the other, and pictures have to load.
                time.sleep(0.7)
            film.append(picture(page))
        return film


def save(film: list[Image.Image]) -> None:
    """Writes the film with one palette, so that only what changes takes room.

    Args:
        film: The pictures in their order.
    """
    sample = Image.new("RGB", (SIZE[0], 3 * SIZE[1]))
    for place, at in enumerate((0, len(film) // 2, -1)):
        sample.paste(film[at], (0, place * SIZE[1]))
    palette = sample.quantize(COLOURS)
    few = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in film]
    durations = [PICTURE_MS] * (len(few) - 1) + [LAST_MS]
    few[0].save(
        PICTURE, save_all=True, append_images=few[1:], duration=durations, loop=0
    )
    size = PICTURE.stat().st_size / 1000
    print(f"pictures/{PICTURE.name}: {size:.0f} kB, {len(few)} pictures")


if __name__ == "__main__":
    save(take(Path(sys.argv[1])))
