"""What the Gradient flow tab costs on a large logdir, for scripts/bench.

TensorBoard with and without the tab on the same logdir, in turns: when it serves and
what memory it takes. Then the tab itself in a real, headless Chromium.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from deepxor.events.gradient_flow import QUANTITIES
from deepxor.events.writer import SummaryWriter
from tests.support.browser import Page, TensorBoard, chromium

FIRST_RUNS = 8

# TensorBoard as its command starts it, but for this plugin.
WITHOUT_TAB = """
import sys
from tensorboard import default, main
load = default.get_plugins
default.get_plugins = lambda: [
    plugin for plugin in load()
    if getattr(plugin, "__name__", "") != "GradientFlowLoader"
]
sys.argv[0] = "tensorboard"
main.run_main()
"""

# The tab is a frame of TensorBoard's page.
_FRAME = """
const frame = [...document.querySelectorAll('iframe')].find(
  (frame) => frame.contentDocument?.querySelector('.card'));
"""

# When TensorBoard opened it, in milliseconds since 1970.
_OPENED = _FRAME + "return frame.contentWindow.performance.timeOrigin;"


@dataclass(frozen=True)
class Scale:
    """The size of a synthetic logdir.

    Attributes:
        runs: How many.
        layers: Of each.
        records: Of each.
    """

    runs: int
    layers: int
    records: int


def make_logdir(folder: Path, scale: Scale) -> None:
    """Writes runs through the writer that the monitor has.

    Args:
        folder: Where.
        scale: Its size. All runs are copies of one: nothing is kept across runs.
    """
    rng = np.random.default_rng(0)
    names = [f"layer{i + 1}" for i in range(scale.layers)]
    writer = SummaryWriter(folder / _run_name(0))
    decades = np.linspace(-6, -1, scale.layers)
    for step in range(scale.records):
        noise = rng.normal(0, 0.3, (len(QUANTITIES), scale.layers))
        quantities = dict(zip(QUANTITIES, decades + noise, strict=True))
        for name in ("zero_fraction", "dead_fraction", "saturated_fraction"):
            quantities[name] = rng.random(scale.layers)
        quantities["non_finite"] = np.zeros(scale.layers)
        writer.flow(names, quantities, step)
    diagnosis = {"verdict": "healthy", "layer": None, "evidence": "-", "advice": "-"}
    writer.flow_diagnosis(diagnosis, scale.records - 1)
    writer.close()
    for number in range(1, scale.runs):
        shutil.copytree(folder / _run_name(0), folder / _run_name(number))


def _run_name(number: int) -> str:
    return f"run{number:03}"


@dataclass(frozen=True)
class Server:
    """What TensorBoard took.

    Attributes:
        serving: Seconds until it answered.
        memory: MiB of its processes once all runs were loaded.
    """

    serving: float
    memory: float


def measure_server(logdir: Path, has_tab: bool) -> Server:
    """Starts TensorBoard, waits until it has loaded everything, and ends it.

    Args:
        logdir: What it shows.
        has_tab: Whether with the Gradient flow tab.
    """
    begin = time.perf_counter()
    with _start(logdir, has_tab) as tensorboard:
        tensorboard.get("data/environment")
        serving = time.perf_counter() - begin
        _wait_until_idle(tensorboard.pid)
        return Server(serving, sum(map(_memory, _processes(tensorboard.pid))))


def measure_tab(logdir: Path, runs: int) -> dict[str, float]:
    """Opens the tab and ticks further runs.

    Args:
        logdir: What TensorBoard shows.
        runs: How many there are.

    Returns:
        By name, seconds, and the largest reply in kB.
    """
    with _start(logdir, True) as tensorboard:
        _wait_until_idle(tensorboard.pid)
        with chromium() as driver:
            page = Page(driver, tensorboard.url)
            # As for somebody who has it open: the browser itself started before.
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
                box = f'nav input[data-run="{_run_name(first)}"]'
                times["a further run"] = _time_click(page, box, first + 1)
                times[f"all {runs} runs"] = _time_click(page, "#all", runs)
            return times | {"largest reply of a run, kB": _largest_reply(page)}


def _start(logdir: Path, has_tab: bool) -> TensorBoard:
    module = ("-m", "tensorboard.main") if has_tab else ("-c", WITHOUT_TAB)
    return TensorBoard(logdir, module=module)


def _time_click(page: Page, css: str, cards: int) -> float:
    # By one script, as the page may make its list of runs anew at any moment.
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
    """Returns kB over the wire."""
    sizes = (
        _FRAME
        + """
return frame.contentWindow.performance.getEntriesByType('resource')
  .filter(({name}) => name.includes('/flow?')).map(({transferSize}) => transferSize);
"""
    )
    return max(page.driver.execute_script(sizes)) / 1000


def tab_rows(
    folder: Path,
    scale: Scale,
    rounds: int,
    in_turns: Callable[..., dict[str, list[Any]]],
) -> list[tuple[str, ...]]:
    """Measures everything on one logdir.

    Args:
        folder: Where the logdir is made, and may stay: about 20 MB a run of 50 layers
            and 10,000 records.
        scale: Its size.
        rounds: Of measurement.
        in_turns: As `bench.in_turns`.
    """
    logdir = folder / "scale"
    make_logdir(logdir, scale)
    times = in_turns(
        "the tab",
        {
            "with": lambda: measure_server(logdir, True),
            "without": lambda: measure_server(logdir, False),
            "tab": lambda: measure_tab(logdir, scale.runs),
        },
        rounds,
    )
    rows = []
    for name, unit in (("serving", "s"), ("memory", "MiB")):
        pairs = [
            (getattr(a, name), getattr(b, name))
            for a, b in zip(times["with"], times["without"], strict=True)
        ]
        ours, theirs = (median(values) for values in zip(*pairs, strict=True))
        ratio = median(a / b for a, b in pairs)
        text = f"{ours:.2f} against {theirs:.2f}: {ratio:.3f}"
        rows.append((f"TensorBoard with the tab against without, {name}, {unit}", text))
    for name in times["tab"][0]:
        values = [found[name] for found in times["tab"]]
        text = f"{median(values):.2f} ({min(values):.2f} - {max(values):.2f})"
        rows.append((name if "kB" in name else f"{name}, s", text))
    return rows


# --- Processes ----------------------------------------------------------------------


def _processes(leader: int) -> list[int]:
    """Returns the processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            group = int(_fields(stat)[2])
        except OSError:
            continue
        if group == leader:
            found.append(int(stat.parent.name))
    return found


def _fields(stat: Path) -> list[str]:
    # The second field, a name in parentheses, may hold anything.
    return stat.read_text().rsplit(")", 1)[1].split()


def _memory(process: int) -> float:
    """Returns MiB, shared pages counted in part (proportional set size)."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1024


def _cpu_seconds(leader: int) -> float:
    ticks = 0
    for process in _processes(leader):
        fields = _fields(Path(f"/proc/{process}/stat"))
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wait_until_idle(leader: int) -> None:
    """Waits for three seconds in which the processes hardly did anything."""
    quiet, before = 0, _cpu_seconds(leader)
    while quiet < 6:
        time.sleep(0.5)
        now = _cpu_seconds(leader)
        quiet = quiet + 1 if now - before < 0.05 else 0
        before = now
