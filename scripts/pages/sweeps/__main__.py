"""Writes into docs/sweeps.md what is measured there, and its picture.

For example: .venv/bin/python -m scripts.pages.sweeps --folder=logdir/trainability
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deepxor.console import app
from deepxor.sweeps import born_dead
from deepxor.xor.data import xor
from scripts.benchmarks.speed.machine import machine
from scripts.pages.marked import replaced
from scripts.pages.sweeps.trainability import (
    COMMAND,
    comparison_table,
    read_published,
    read_sweep,
    verdicts_table,
)

FOLDER = flags.DEFINE_string(
    "folder", "", f"The folder of the sweep that this command makes: {COMMAND}"
)
PUBLISHED = flags.DEFINE_string(
    "published", "", "A folder with train_acc.npz of ghliu/mean-field-fcdnn."
)

DOCS = Path(__file__).parents[3] / "docs"
DEPTHS, WIDTHS = (2, 5, 10, 20, 50), (2, 3, 5, 10)
NETWORKS = 20_000


def born_dead_table() -> str:
    """Returns the shares of networks born dead by depth and width, as Markdown."""
    inputs = {"one input": born_dead.ONE_INPUT, "XOR's four": xor()[0]}
    lines = [
        "| inputs | depth | " + " | ".join(f"width {width}" for width in WIDTHS) + " |",
        "|---|---:" + "|---:" * len(WIDTHS) + "|",
    ]
    for name, samples in inputs.items():
        for depth in DEPTHS:
            cells = []
            for found in born_dead.table([depth], WIDTHS, samples, NETWORKS):
                low, high = found.interval
                text = f"{found.share:.3f} ({low:.3f} to {high:.3f})"
                if name == "one input":
                    text += f", formula {found.expected:.3f}"
                cells.append(text)
            lines.append(f"| {name} | {depth} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    """Writes the parts of the page whose sources are given.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument is wrong.
        OSError: If a file cannot be read or written.
    """
    app.check_no_arguments(argv)
    document = DOCS / "sweeps.md"
    page = document.read_text(encoding="utf-8")
    page = replaced(page, "born-dead", born_dead_table())
    if FOLDER.value:
        folder = Path(FOLDER.value)
        ours = read_sweep(folder)
        page = replaced(page, "verdicts", verdicts_table(ours))
        page = replaced(page, "machine", f"Measured: {machine()}.\n")
        shutil.copy(folder / "map.png", DOCS / "pictures" / "trainability.png")
        if PUBLISHED.value:
            published = read_published(Path(PUBLISHED.value))
            page = replaced(page, "comparison", comparison_table(ours, published))
    document.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    app.run(main)
