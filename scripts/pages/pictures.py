"""Draws a picture for each verdict of GradientMonitor; scripts/pictures runs it.

Every picture is of a real run on scikit-learn's handwritten digits, of a network of
eight hidden layers of 32 units. One thing is wrong in each but the first.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits

import deepxor
from deepxor.report.history import history_figure

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"

BATCH = 64


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        what: Said of it in the picture.
        activation: Of the hidden layers.
        brightest: The pixels are numbers from 0 to this.
        initializer: Of the kernels.
        biases: What they begin with in `hidden4`; in all other layers with 0.
        learning_rate: Of SGD.
        epochs: Of 28 steps each.
        fraction: Drawn beside the norms; see `history_figure`.
    """

    what: str
    activation: str = "relu"
    brightest: float = 1.0
    initializer: str = "he_normal"
    biases: float = 0.0
    learning_rate: float = 0.05
    epochs: int = 10
    fraction: str | None = None


RUNS = {
    "healthy": Run("relu, SGD with learning rate 0.05"),
    "vanishing": Run(
        "sigmoid, SGD with learning rate 0.05",
        activation="sigmoid",
        initializer="glorot_uniform",
    ),
    "exploding": Run(
        "elu, SGD with learning rate 0.2",
        activation="elu",
        learning_rate=0.2,
        epochs=1,
    ),
    "dead": Run(
        "relu, SGD with learning rate 0.05, biases of hidden4 that begin at -10",
        biases=-10.0,
        fraction="dead_fraction",
    ),
    "saturated": Run(
        "tanh, SGD with learning rate 0.05, pixels from 0 to 255 as they are",
        activation="tanh",
        brightest=255.0,
        initializer="glorot_uniform",
        fraction="saturated_fraction",
    ),
    "not_learning": Run("relu, SGD with learning rate 1e-5", learning_rate=1e-5),
}


def network(run: Run) -> keras.Model:
    """Returns the network of a run, compiled."""
    keras.utils.set_random_seed(0)
    hidden = [
        keras.layers.Dense(
            32,
            run.activation,
            kernel_initializer=run.initializer,
            name=f"hidden{number}",
        )
        for number in range(1, 9)
    ]
    hidden[3].bias_initializer = keras.initializers.Constant(run.biases)
    output = keras.layers.Dense(10, name="output")
    model = keras.Sequential([keras.Input((64,)), *hidden, output])
    model.compile(
        keras.optimizers.SGD(run.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def train(run: Run) -> deepxor.GradientMonitor:
    """Returns the monitor of a run that has ended."""
    digits, classes = load_digits(return_X_y=True)
    size = len(digits) // BATCH * BATCH  # no smaller batch at the end of an epoch
    x = (digits[:size] * (run.brightest / 16)).astype(np.float32)
    monitor = deepxor.GradientMonitor(every=1)
    network(run).fit(
        x, classes[:size], BATCH, run.epochs, verbose=0, callbacks=[monitor]
    )
    return monitor


def draw(verdict: str) -> None:
    """Trains, prints the diagnosis, and draws into docs/."""
    run = RUNS[verdict]
    monitor = train(run)
    diagnosis = str(monitor.diagnosis)
    path = PICTURES / f"verdict-{verdict}.png"
    text = f"{diagnosis.splitlines()[0]}\n{run.what}"
    history_figure(monitor.history, text, run.fraction).savefig(path)
    size = path.stat().st_size / 1000
    print(f"{path.relative_to(PICTURES.parent)}: {size:.0f} kB\n{diagnosis}\n")


def main() -> None:
    """Draws the pictures whose names are given, or all."""
    for verdict in sys.argv[1:] or RUNS:
        if verdict not in RUNS:
            sys.exit(f"pictures: {verdict!r}: allowed are {', '.join(RUNS)}")
        draw(verdict)


if __name__ == "__main__":
    main()
