"""The tab in a real, headless Chromium."""

from __future__ import annotations

import time
from pathlib import Path

from scripts.benchmarks.speed.tab.logdir import run_name
from scripts.benchmarks.speed.tab.processes import wait_until_idle
from scripts.benchmarks.speed.tab.server import start
from tests.support.browser import Page, chromium

FIRST_RUNS = 8

# The tab is a frame of TensorBoard's page.
_FRAME = """
const frame = [...document.querySelectorAll('iframe')].find(
  (frame) => frame.contentDocument?.querySelector('.card'));
"""

# The moment when TensorBoard opened it, in milliseconds since 1970.
_OPENED = _FRAME + "return frame.contentWindow.performance.timeOrigin;"


def measure_tab(logdir: Path, runs: int) -> dict[str, float]:
    """Opens the tab and ticks further runs.

    Args:
        logdir: The logdir that TensorBoard shows.
        runs: The number of its runs.

    Returns:
        The seconds of each stage by its name, and the largest reply in kB.
    """
    with start(logdir, True) as tensorboard:
        wait_until_idle(tensorboard.pid)
        with chromium() as driver:
            page = Page(driver, tensorboard.url)
            # The browser's own start does not count.
            driver.get("about:blank")
            first = min(FIRST_RUNS, runs)
            begin = time.time()
            page.driver.get(f"{page.url}#gradient_flow")
            _wait_for_cards(page, first)
            end = time.time()
            opened = page.driver.execute_script(_OPENED) / 1000
            times = {
                f"the first {first} runs": end - opened,
                "before it, TensorBoard's own page": opened - begin,
            }
            if runs > first:
                box = f'nav input[data-run="{run_name(first)}"]'
                times["a further run"] = _time_click(page, box, first + 1)
                times[f"all {runs} runs"] = _time_click(page, "#all", runs)
            return times | {"largest reply of a run, kB": _largest_reply(page)}


def _time_click(page: Page, css: str, cards: int) -> float:
    # One script finds the box and clicks it, as the page may make its list of runs anew
    # at any moment.
    click = _FRAME + "frame.contentDocument.querySelector(arguments[0]).click();"
    begin = time.perf_counter()
    page.driver.execute_script(click, css)
    _wait_for_cards(page, cards)
    return time.perf_counter() - begin


def _wait_for_cards(page: Page, count: int) -> None:
    """Waits until so many cards have drawn their heat maps."""
    drawn = (
        _FRAME
        + """
return frame ? [...frame.contentDocument.querySelectorAll('.card[aria-busy=false]')]
  .filter((card) => card.querySelector('.readout').textContent).length : 0;
"""
    )
    end = time.monotonic() + 120
    while page.driver.execute_script(drawn) < count:
        if time.monotonic() > end:
            raise RuntimeError(f"the tab does not show {count} runs")
        time.sleep(0.01)


def _largest_reply(page: Page) -> float:
    """Returns the size of the largest reply in kB over the wire."""
    sizes = (
        _FRAME
        + """
return frame.contentWindow.performance.getEntriesByType('resource')
  .filter(({name}) => name.includes('/flow?')).map(({transferSize}) => transferSize);
"""
    )
    return float(max(page.driver.execute_script(sizes))) / 1000
