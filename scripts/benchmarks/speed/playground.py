"""The table of the playground: how many frames and steps its page shows in a second.

Both sides train at the same time, each in a worker of its own, while the page draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.rounds import in_turns
from tests.support.playground import SIDES, Playground, playground

REPLICAS = 100
# Layers, units of each, and the activation of both sides.
NETWORKS = ((10, 5, "sigmoid"), (10, 5, "relu"), (10, 10, "sigmoid"), (10, 10, "relu"))

# From this step on, the page takes as many steps as there is time for.
FIRST_STEP = 1500
SECONDS = 5.0

# Frames and steps a second.
Speed = tuple[float, float]

# Counts the frames that show steps that the frame before did not show.
_COUNT = """
const steps = document.querySelector('.steps');
window.shown = 0;
new MutationObserver(() => { window.shown++; })
  .observe(steps, {childList: true, characterData: true, subtree: true});
"""


def report(rounds: int) -> Report:
    """Measures the page in a headless Chromium.

    Args:
        rounds: The number of rounds.

    Returns:
        A report with a row for each network.
    """
    with playground() as page:
        measures: dict[str, Callable[[], Speed]] = {
            _name(*network): partial(page_speed, page, *network) for network in NETWORKS
        }
        speeds = in_turns("the playground", measures, rounds)
    rows = [(name, *_texts(found)) for name, found in speeds.items()]
    return Report(
        f"The playground: two sides of {REPLICAS} replicas each",
        ("layers", "frames a second", "steps a frame", "steps a second, each side"),
        rows,
        "The whole page in a window of 1600 x 1000 pixels: two workers train, and "
        "every frame shows what is new. The page takes as many steps as there is time "
        f"for (from step {FIRST_STEP} on; before, it goes slowly).",
    )


def page_speed(page: Playground, depth: int, width: int, activation: str) -> Speed:
    """Returns the frames a second with new steps, and the steps a second.

    Args:
        page: The page.
        depth: The number of hidden layers of both sides.
        width: The units of each.
        activation: Their activation.
    """
    settings = {"activation": activation, "depth": depth, "width": width}
    own = [f"{side}.{key}={value}" for side in SIDES for key, value in settings.items()]
    page.visit(fragment="&".join([*own, f"replicas={REPLICAS}"]))
    page.press("start")
    page.until(lambda: page.step() >= FIRST_STEP, f"step {FIRST_STEP}")
    page.driver.execute_script(_COUNT)
    begin, first = time.perf_counter(), page.step()
    time.sleep(SECONDS)
    frames, last = page.driver.execute_script("return window.shown"), page.step()
    seconds = time.perf_counter() - begin
    return frames / seconds, (last - first) / seconds


def _name(depth: int, width: int, activation: str) -> str:
    return f"{depth} of {width} units, {activation}"


def _texts(found: list[Speed]) -> tuple[str, ...]:
    frames, steps = (median(part) for part in zip(*found, strict=True))
    in_frame = median(steps / frames for frames, steps in found)
    return tuple(map(number_text, (frames, in_frame, steps)))
