"""Makes the pictures and the verdicts of docs/why-not-learning.md.

For example: .venv/bin/python -m scripts.pages.symptoms

Every picture is of a real run of a small network in which one thing is wrong.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np
from keras import layers
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from sklearn.datasets import load_digits

import deepxor
from deepxor.palette import BLUE, DPI, INK, MUTED
from deepxor.report.style import STYLE
from scripts.pages.marked import replaced

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "why-not-learning.md"


@dataclass(frozen=True)
class Symptom:
    """Describes a training with one thing wrong.

    Attributes:
        data: Makes the inputs and the targets.
        units: The number of units of the last layer.
        activation: The activation of the last layer.
        loss: The loss.
        rate: The learning rate.
        optimizer: The class of the optimizer.
        epochs: The number of epochs.
        hidden: The activation of the hidden layers.
        widths: The units of the hidden layers.
        dropout: The rate of the dropout after each hidden layer.
        options: The other arguments of the hidden layers.
    """

    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    units: int
    activation: str | None
    loss: str
    rate: float = 0.01
    optimizer: type[keras.optimizers.Optimizer] = keras.optimizers.Adam
    epochs: int = 15
    hidden: str = "relu"
    widths: tuple[int, ...] = (32, 32)
    dropout: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


def digits(scale: float = 1.0, is_shuffled: bool = False) -> Any:
    """Returns a function that makes handwritten digits and their classes."""

    def make() -> tuple[np.ndarray, np.ndarray]:
        x, y = load_digits(return_X_y=True)
        if is_shuffled:
            y = np.random.default_rng(0).permutation(y)
        return (x / 16 * scale).astype(np.float32), y

    return make


def even() -> tuple[np.ndarray, np.ndarray]:
    """Returns handwritten digits, and whether each is an even number."""
    x, y = digits()()
    return x, (y % 2 == 0).astype(np.float32)


def curve(scale: float = 1.0, shift: float = 0.0) -> Any:
    """Returns a function that makes three numbers and a smooth function of them."""

    def make() -> tuple[np.ndarray, np.ndarray]:
        x = np.random.default_rng(0).normal(size=(800, 3)).astype(np.float32)
        y = x[:, 0] + np.sin(2 * x[:, 1]) * x[:, 2]
        return x, (scale * y + shift).astype(np.float32)[:, None]

    return make


BCE, MSE = "binary_crossentropy", "mean_squared_error"
SPARSE = "sparse_categorical_crossentropy"

SYMPTOMS = {
    "softmax": Symptom(even, 1, "softmax", BCE),
    "negative": Symptom(digits(), 1, "sigmoid", BCE),
    "zero": Symptom(curve(shift=-10.0), 1, "relu", MSE),
    "inputs": Symptom(
        digits(1000.0), 10, "softmax", SPARSE, rate=0.01,
        optimizer=keras.optimizers.SGD,
    ),
    "targets": Symptom(curve(scale=1e4, shift=3e4), 1, None, MSE, rate=0.001),
    "rate": Symptom(digits(), 10, "softmax", SPARSE, rate=1e-6),
    "large": Symptom(
        digits(), 10, "softmax", SPARSE, rate=3.0, optimizer=keras.optimizers.SGD
    ),
    "dropout": Symptom(digits(), 10, "softmax", SPARSE, dropout=0.95),
    "depth": Symptom(
        digits(), 10, "softmax", SPARSE, rate=0.05, optimizer=keras.optimizers.SGD,
        hidden="sigmoid", widths=(32,) * 8,
    ),
    "labels": Symptom(digits(is_shuffled=True), 10, "softmax", SPARSE, rate=0.001,
                      epochs=6),
}  # fmt: skip


def train(symptom: Symptom) -> tuple[deepxor.GradientMonitor, keras.Model]:
    """Returns the monitor and the model of a training that has ended."""
    keras.utils.set_random_seed(0)
    x, y = symptom.data()
    stack: list[Any] = [keras.Input(x.shape[1:])]
    for number, width in enumerate(symptom.widths, 1):
        name = f"hidden{number}"
        stack.append(layers.Dense(width, symptom.hidden, name=name, **symptom.options))
        if symptom.dropout:
            stack.append(layers.Dropout(symptom.dropout, name=f"dropout{number}"))
    stack.append(layers.Dense(symptom.units, symptom.activation, name="output"))
    model = keras.Sequential(stack)
    model.compile(symptom.optimizer(symptom.rate), symptom.loss)
    monitor = deepxor.GradientMonitor()
    with warnings.catch_warnings():
        # Keras says it too, of a softmax over one unit.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(x, y, 32, symptom.epochs, verbose=0, callbacks=[monitor])
    return monitor, model


def draw(symptom: Symptom, monitor: deepxor.GradientMonitor, answers: Any) -> Figure:
    """Returns the loss beside that of a constant, and the answers beside the targets.

    Args:
        symptom: The training.
        monitor: Its monitor.
        answers: The predictions of the trained model.
    """
    history = monitor.history
    figure = Figure(figsize=(9, 3), dpi=DPI, layout=ConstrainedLayoutEngine())
    left, right = figure.subplots(1, 2)
    left.plot(history["step"], history["loss"], color=BLUE, label="loss")
    constant = history["constant_loss"][:, 0]
    known = np.isfinite(constant)
    left.plot(
        history["step"][known], constant[known], color=INK, linestyle="--",
        label="loss of the best constant",
    )  # fmt: skip
    loss = history["loss"][np.isfinite(history["loss"])]
    if len(loss) and loss.min() > 0 and loss.max() > 50 * loss.min():
        left.set_yscale("log")
    left.set_title(str(monitor.diagnosis).splitlines()[0])
    left.set_xlabel("step")
    left.legend(frameon=False)
    y = symptom.data()[1].ravel()
    right.set_title("answers beside targets")
    if symptom.units > 1:
        classes = np.arange(symptom.units)
        given = answers.argmax(axis=1) if np.isfinite(answers).all() else []
        right.bar(classes - 0.2, _counts(y, classes), 0.4, color=MUTED, label="targets")
        right.bar(classes + 0.2, _counts(given, classes), 0.4, color=BLUE,
                  label="answers")  # fmt: skip
        right.set_xlabel("class")
    else:
        edges = np.linspace(
            min(y.min(), np.nanmin(answers)), max(y.max(), np.nanmax(answers)), 41
        )
        right.hist(y, edges, color=MUTED, label="targets")
        right.hist(answers.ravel(), edges, color=BLUE, alpha=0.7, label="answers")
        right.set_xlabel("number")
    right.legend(frameon=False)
    return figure


def _counts(values: Any, classes: np.ndarray) -> list[int]:
    return [int(np.sum(np.asarray(values) == number)) for number in classes]


def make(name: str) -> None:
    """Trains, draws into docs/pictures, and writes the diagnosis into the page."""
    symptom = SYMPTOMS[name]
    monitor, model = train(symptom)
    path = DOCS / "pictures" / f"symptom-{name}.png"
    answers = model.predict(symptom.data()[0], verbose=0)
    with matplotlib.rc_context(STYLE):
        draw(symptom, monitor, answers).savefig(path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB\n{monitor.diagnosis}\n")
    text = f"```text\n{monitor.diagnosis}\n```\n"
    page = replaced(PAGE.read_text(encoding="utf-8"), name, text)
    PAGE.write_text(page, encoding="utf-8")


def main() -> None:
    """Makes the pictures whose names are given, or all."""
    for name in sys.argv[1:] or SYMPTOMS:
        if name not in SYMPTOMS:
            sys.exit(f"symptoms: {name!r}: allowed are {', '.join(SYMPTOMS)}")
        make(name)


if __name__ == "__main__":
    main()
