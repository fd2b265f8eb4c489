"""Measures what a training step costs, next to plain C and other frameworks.

For example: scripts/bench --markdown

Whatever is compared is measured in turns, round after round, so that a machine that
slows down for a while slows all of it. Times are medians over the rounds; ratios are
medians of each round's ratio. The setting is the lecture's network, 2-5-...-5-1 with
eleven layers of sigmoids, on the whole truth table, by gradient descent.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deepxor.console import app
from scripts.benchmarks.speed.machine import machine
from scripts.benchmarks.speed.report import print_report
from scripts.benchmarks.speed.tables import TABLES, Options, reports

ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds of measurement.", lower_bound=1)
ONLY = flags.DEFINE_enum("only", "", ["", *TABLES], "One table.")
QUICK = flags.DEFINE_boolean("quick", False, "One round of a few steps: a smoke test.")
MARKDOWN = flags.DEFINE_boolean("markdown", False, "Print Markdown tables.")
PEER_PYTHON = flags.DEFINE_string(
    "peer_python", sys.executable, "The interpreter that runs PyTorch and JAX."
)


def main(argv: Sequence[str]) -> int:
    """Measures and prints.

    Args:
        argv: The program's name; flags are read elsewhere.

    Returns:
        The exit status.

    Raises:
        ValueError: If there are arguments that are no flags.
    """
    if len(argv) > 1:
        raise ValueError(f"Arguments must be flags. Received: {argv[1]}")
    rounds = 1 if QUICK.value else ROUNDS.value
    print(f"{machine()}; rounds: {rounds}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), PEER_PYTHON.value, rounds)
        for report in reports(options, QUICK.value, ONLY.value):
            print_report(report, MARKDOWN.value)
    return 0


if __name__ == "__main__":
    app.run(main)
