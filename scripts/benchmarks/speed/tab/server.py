"""TensorBoard with and without the tab: when it serves, and what memory it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.speed.tab.processes import memory_of, wait_until_idle
from tests.support.browser import TensorBoard

# The program that starts TensorBoard as its command does, without this plugin.
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


@dataclass(frozen=True)
class Server:
    """What TensorBoard took.

    Attributes:
        serving: The seconds until it answered.
        memory: The MiB of its processes once all runs were loaded.
    """

    serving: float
    memory: float


def measure_server(logdir: Path, has_tab: bool) -> Server:
    """Starts TensorBoard, waits until it has loaded everything, and ends it.

    Args:
        logdir: The logdir that it shows.
        has_tab: Whether it has the Gradient flow tab.

    Returns:
        What it took.
    """
    begin = time.perf_counter()
    with start(logdir, has_tab) as tensorboard:
        tensorboard.get("data/environment")
        serving = time.perf_counter() - begin
        wait_until_idle(tensorboard.pid)
        return Server(serving, memory_of(tensorboard.pid))


def start(logdir: Path, has_tab: bool) -> TensorBoard:
    """Returns a TensorBoard that serves a logdir, with or without the tab."""
    module = ("-m", "tensorboard.main") if has_tab else ("-c", WITHOUT_TAB)
    return TensorBoard(logdir, module=module)
