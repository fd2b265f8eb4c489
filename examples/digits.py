"""Trains deep classifiers of handwritten digits, and says what their gradients do.

For example: python examples/digits.py --activations sigmoid relu --layers 8

The digits are scikit-learn's, 1,797 pictures of 8 x 8 pixels: pip install scikit-learn.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits

import deepxor


def build(activation: str, layers: int) -> keras.Model:
    """Returns a network of so many hidden layers of 32 units, compiled."""
    hidden = [
        keras.layers.Dense(
            32, activation, kernel_initializer="he_normal", name=f"hidden{number}"
        )
        for number in range(1, layers + 1)
    ]
    output = keras.layers.Dense(10, name="output")
    model = keras.Sequential([keras.Input((64,)), *hidden, output])
    model.compile(
        keras.optimizers.SGD(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(model: keras.Model, epochs: int, folder: Path) -> deepxor.GradientMonitor:
    """Trains on four fifths of the digits; returns the monitor that has watched."""
    pixels, classes = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    monitor = deepxor.GradientMonitor(folder)
    model.fit(
        x, classes, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[monitor]
    )
    return monitor


def main() -> None:
    """Trains a network for each activation, and prints the diagnosis of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--activations", nargs="+", default=["sigmoid", "relu"])
    parser.add_argument("--layers", type=int, default=8, help="hidden layers")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--logdir", type=Path, default=Path("logdir"))
    arguments = parser.parse_args()
    now = time.strftime("%Y%m%d-%H%M%S")
    for activation in arguments.activations:
        keras.utils.set_random_seed(0)
        model = build(activation, arguments.layers)
        # A folder of its own for each run: TensorBoard mixes what is in the same one.
        folder = arguments.logdir / f"digits-{activation}-{now}"
        monitor = train(model, arguments.epochs, folder)
        accuracy = model.history.history["val_accuracy"][-1]
        print(f"{activation}: accuracy {accuracy:.2f} on digits it has not seen")
        print(f"{monitor.diagnosis}\n")
    print(f"See it: tensorboard --logdir {arguments.logdir}")
    print("then open http://localhost:6006/#gradient_flow")
    print("In the Scalars tab, filter the tags by gradient_norm_log10.")


if __name__ == "__main__":
    main()
