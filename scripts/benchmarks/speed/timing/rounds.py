"""The rounds of a measurement, in each of which everything is measured in turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def in_turns(
    title: str, measures: Mapping[str, Callable[[], T]], rounds: int
) -> dict[str, list[T]]:
    """Measures everything once a round.

    Args:
        title: The name of the measurement in the lines of progress on standard error.
        measures: What is measured, by name, in the order of measurement.
        rounds: The number of rounds.

    Returns:
        The measurements of every name, one a round.
    """
    results: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        begin = time.perf_counter()
        for name, measure in measures.items():
            results[name].append(measure())
        seconds = time.perf_counter() - begin
        print(f"{title}: round {number} of {rounds}, {seconds:.0f} s", file=sys.stderr)
    return results
