"""Measures how often each network of the ladder learns XOR, with 95 % intervals.

For example: scripts/ladder --write
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deepxor import quiet
from deepxor.console import app
from deepxor.statistics import wilson_interval
from deepxor.xor.config import NETWORKS, Experiment
from deepxor.xor.network.blocks import thread_count
from scripts.pages.marked import replaced

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout")
ROOT = Path(__file__).resolve().parents[2]

REPLICAS = flags.DEFINE_integer("replicas", 500, "Networks for each rate.")
WRITE = flags.DEFINE_boolean(
    "write", False, "Put the table into README.md, README.ko.md and docs/ladder.md."
)


def solved(experiment: Experiment) -> int:
    """Trains an experiment and returns how many of its replicas have accuracy 1."""
    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    model = build(experiment)
    fit(model, experiment)
    return int((model.snapshot().accuracy == 1).sum())


def rate_text(count: int, replicas: int) -> str:
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
        rates = []
        # A network without hidden layers has no use for an activation.
        for activation in ACTIVATIONS if NETWORKS[network] else ACTIVATIONS[:1]:
            print(f"{network} {activation}", file=sys.stderr)
            experiment = Experiment(
                network=network,
                activation=activation,
                replicas=replicas,
                log_every=1000,
            )
            rates.append(rate_text(solved(experiment), replicas))
        rates += [rates[0]] * (len(ACTIVATIONS) - len(rates))
        lines.append(f"| {network} | {' | '.join(rates)} |")
    return "\n".join(lines) + "\n"


def caption(replicas: int, day: datetime.date) -> str:
    """Returns the paragraph below the table: what was measured, by what, and when.

    Args:
        replicas: Networks for each rate.
        day: Of the measurement.
    """
    default = Experiment()
    return (
        f"Measured by `scripts/ladder` on {day.isoformat()}: gradient descent with a "
        f"learning rate of\n{default.learning_rate}, {default.num_steps:,} steps, "
        f"seed {default.seed}, {replicas:,} networks for each rate.\n"
    )


def korean_caption(replicas: int, day: datetime.date) -> str:
    """Returns the same paragraph in Korean, with the same arguments."""
    default = Experiment()
    return (
        f"`scripts/ladder`로 {day.isoformat()}에 쟀습니다: 경사 하강법, 학습률 "
        f"{default.learning_rate},\n{default.num_steps:,}스텝, 시드 {default.seed}, "
        f"비율마다 신경망 {replicas:,}개.\n"
    )


# The documents that show the table, and what each has below it.
CAPTIONS = {
    ROOT / "README.md": caption,
    ROOT / "README.ko.md": korean_caption,
    ROOT / "docs" / "ladder.md": caption,
}


def main(argv: Sequence[str]) -> int:
    """Prints the table, or writes it into the documents that show it."""
    app.check_no_arguments(argv)
    quiet.load_tensorflow(thread_count(REPLICAS.value))
    rates, today = table(REPLICAS.value), datetime.date.today()
    if not WRITE.value:
        print(f"{rates}\n{caption(REPLICAS.value, today)}")
        return 0
    for path, caption_of in CAPTIONS.items():
        text = f"{rates}\n{caption_of(REPLICAS.value, today)}"
        document = path.read_text(encoding="utf-8")
        path.write_text(replaced(document, "ladder", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    app.run(main)
