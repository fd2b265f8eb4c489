"""The table of the Gradient flow tab on a large logdir.

TensorBoard runs with and without the tab on the same logdir, in turns. Then the tab
itself is opened in a real, headless Chromium.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.speed.report import Report
from scripts.benchmarks.speed.tab.browser import measure_tab
from scripts.benchmarks.speed.tab.logdir import Scale, make_logdir
from scripts.benchmarks.speed.tab.server import Server, measure_server
from scripts.benchmarks.speed.timing.rounds import in_turns

SCALE = Scale(runs=100, layers=50, records=10_000)


def report(folder: Path, rounds: int) -> Report:
    """Measures TensorBoard and its Gradient flow tab on a large logdir.

    Args:
        folder: The folder in which the logdir is made and stays, about 2 GB.
        rounds: The number of rounds.

    Returns:
        A report with a row for each of the server's figures and each of the tab's.
    """
    return Report(
        f"The Gradient flow tab: {SCALE.runs} runs of {SCALE.layers} layers and "
        f"{SCALE.records:,} records",
        ("", ""),
        rows(folder, SCALE, rounds),
        "Once TensorBoard has loaded everything: from the opening of the tab, or the "
        "click, until every heat map is drawn.",
    )


def rows(folder: Path, scale: Scale, rounds: int) -> list[tuple[str, ...]]:
    """Measures everything on one logdir.

    Args:
        folder: The folder in which the logdir is made and stays.
        scale: The logdir's size.
        rounds: The number of rounds.

    Returns:
        The rows of the table.
    """
    logdir = folder / "scale"
    make_logdir(logdir, scale)
    measures: dict[str, Callable[[], Any]] = {
        "with": lambda: measure_server(logdir, True),
        "without": lambda: measure_server(logdir, False),
        "tab": lambda: measure_tab(logdir, scale.runs),
    }
    times = in_turns("the tab", measures, rounds)
    return [
        *_server_rows(times["with"], times["without"]),
        *_tab_rows(times["tab"]),
    ]


def _server_rows(
    ours: Sequence[Server], theirs: Sequence[Server]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, unit in (("serving", "s"), ("memory", "MiB")):
        pairs = [
            (getattr(a, name), getattr(b, name))
            for a, b in zip(ours, theirs, strict=True)
        ]
        with_tab, without = (median(values) for values in zip(*pairs, strict=True))
        ratio = median(a / b for a, b in pairs)
        text = f"{with_tab:.2f} against {without:.2f}: {ratio:.3f}"
        rows.append((f"TensorBoard with the tab against without, {name}, {unit}", text))
    return rows


def _tab_rows(times: Sequence[dict[str, float]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in times[0]:
        values = [found[name] for found in times]
        text = f"{median(values):.2f} ({min(values):.2f} - {max(values):.2f})"
        rows.append((name if "kB" in name else f"{name}, s", text))
    return rows
