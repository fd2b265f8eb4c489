"""Measures how often each network of the ladder learns XOR, with 95 % intervals.

For example: scripts/ladder --write
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deepxor.console import app
from deepxor.statistics import wilson_interval
from deepxor.xor.network.blocks import thread_count
from deepxor.xor.config import NETWORKS, Experiment

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout")
README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- ladder: begin -->\n", "<!-- ladder: end -->\n"

REPLICAS = flags.DEFINE_integer("replicas", 500, "Networks for each cell.")
WRITE = flags.DEFINE_boolean("write", False, "Put the table into README.md.")


def solved(experiment: Experiment) -> int:
    """Trains an experiment and returns how many of its replicas have accuracy 1."""
    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    model = build(experiment)
    fit(model, experiment)
    return int((model.snapshot().accuracy == 1).sum())


def cell(count: int, replicas: int) -> str:
    """Returns a rate with its interval, as in ".965 (.945-.978)"."""
    numbers = (count / replicas, *wilson_interval(count, replicas))
    rate, low, high = (f"{n:.3f}".removeprefix("0") for n in numbers)
    return f"{rate} ({low}-{high})"


def table(replicas: int) -> str:
    """Trains the whole ladder and returns its Markdown table."""
    lines = [
        f"| network | {' | '.join(ACTIVATIONS)} |",
        f"|---|{'---|' * len(ACTIVATIONS)}",
    ]
    for network in NETWORKS:
        cells = []
        # A network without hidden layers has no use for an activation.
        for activation in ACTIVATIONS if NETWORKS[network] else ACTIVATIONS[:1]:
            print(f"{network} {activation}", file=sys.stderr)
            experiment = Experiment(
                network=network,
                activation=activation,
                replicas=replicas,
                log_every=1000,
            )
            cells.append(cell(solved(experiment), replicas))
        cells += [cells[0]] * (len(ACTIVATIONS) - len(cells))
        lines.append(f"| {network} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    """Prints the table, or writes it into the README."""
    app.load_tensorflow(thread_count(REPLICAS.value))
    text = table(REPLICAS.value)
    if WRITE.value:
        pattern = re.escape(BEGIN) + ".*" + re.escape(END)
        readme = README.read_text(encoding="utf-8")
        readme = re.sub(pattern, BEGIN + text + END, readme, flags=re.DOTALL)
        README.write_text(readme, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    app.run(main)
