"""Programs whose output or loss does not fit the targets, or whose labels are wrong."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from scripts.benchmarks.diagnosis.programs import data
from scripts.benchmarks.diagnosis.programs.program import (
    Program,
    Training,
    accuracy_share,
    explained,
    most_likely,
    rounded,
)

FIT = "loss and output do not fit"
BOUNDED = "bounded output on a regression"
LABELS = "labels"


def _model(stack: list[Any], loss: Any, optimizer: Any = "adam") -> keras.Model:
    model = keras.Sequential(stack)
    model.compile(optimizer, loss)
    return model


def _patients(is_faulty: bool) -> Training:
    x, ill = data.table()
    x = data.scaled(x)
    last = layers.Dense(1, "softmax" if is_faulty else "sigmoid")
    model = _model(
        [layers.Dense(12, "relu"), layers.Dense(8, "relu"), last], "binary_crossentropy"
    )
    return Training(model, x, ill, accuracy_share(x, ill, rounded), 10, 20)


def _prices_of_softmax(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = (price - price.mean()) / price.std()
    inputs = keras.Input((5,))
    hidden = layers.Dense(32, "relu")(inputs)
    outputs = layers.Dense(1, "softmax" if is_faulty else None)(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return Training(model, x, y, explained(x, y), 32, 25)


def _one_unit_for_ten(is_faulty: bool) -> Training:
    x, classes = data.digits()
    if is_faulty:
        model = _model(
            [layers.Dense(64, "relu"), layers.Dense(1, "sigmoid")],
            "binary_crossentropy",
        )
        return Training(model, x, classes, accuracy_share(x, classes, rounded))
    model = _model(
        [layers.Dense(64, "relu"), layers.Dense(10, "softmax")],
        "sparse_categorical_crossentropy",
    )
    return Training(model, x, classes, accuracy_share(x, classes, most_likely))


def _prices_of_sigmoid(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = price / 10_000
    model = _model(
        [layers.Dense(24, "relu"), layers.Dense(1, "sigmoid" if is_faulty else None)],
        "mse", keras.optimizers.Adam(0.03),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 60)


def _cold_of_relu(is_faulty: bool) -> Training:
    x, y = data.series()
    y = y - 20
    model = _model(
        [layers.LSTM(16), layers.Dense(1, "relu" if is_faulty else None)],
        "mse", keras.optimizers.Adam(0.03),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 40)


def _warm_of_tanh(is_faulty: bool) -> Training:
    x, y = data.series()
    y = y + 20
    model = _model(
        [
            layers.Conv1D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, "tanh" if is_faulty else None),
        ],
        "mae", keras.optimizers.Adam(0.03),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 40)


def _flowers_without_softmax(is_faulty: bool) -> Training:
    x, species = data.flowers()
    x = data.scaled(x)
    loss = keras.losses.CategoricalCrossentropy(from_logits=not is_faulty)
    model = _model(
        [layers.Dense(8, "tanh"), layers.Dense(3)], loss, keras.optimizers.SGD(0.1)
    )
    score = accuracy_share(x, species, most_likely)
    return Training(model, x, data.one_hot(species), score, 16, 20)


def _digits_of_relu(is_faulty: bool) -> Training:
    x, classes = data.digits(is_flat=False)
    model = _model(
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, "relu" if is_faulty else "softmax"),
        ],
        "categorical_crossentropy",
    )
    score = accuracy_share(x, classes, most_likely)
    return Training(model, x, data.one_hot(classes), score, 32, 10)


def _signs(is_faulty: bool) -> Training:
    x, ill = data.table()
    x = data.scaled(x)
    y = 2 * ill - 1 if is_faulty else ill
    model = _model(
        [layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")],
        "binary_crossentropy", keras.optimizers.Adam(0.01),
    )  # fmt: skip
    # A prediction above one half is right for both codings.
    return Training(model, x, y, accuracy_share(x, ill, rounded), 32, 20)


def _crossentropy_of_prices(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = (price - price.mean()) / price.std()
    model = _model(
        [layers.Dense(16, "relu"), layers.Dense(1, "sigmoid" if is_faulty else None)],
        "binary_crossentropy" if is_faulty else "mse", keras.optimizers.Adam(0.01),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 25)


def _categories_of_one_unit(is_faulty: bool) -> Training:
    x, ill = data.table()
    x = data.scaled(x)
    loss = "categorical_crossentropy" if is_faulty else "binary_crossentropy"
    model = _model([layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")], loss)
    return Training(model, x, ill[:, None], accuracy_share(x, ill, rounded), 8, 20)


def _shuffled(is_faulty: bool) -> Training:
    x, ill = data.table()
    x = data.scaled(x)
    y = np.random.default_rng(5).permutation(ill) if is_faulty else ill
    model = _model([layers.Dense(12, "relu"), layers.Dense(1, "sigmoid")],
                   "binary_crossentropy")  # fmt: skip
    return Training(model, x, y, accuracy_share(x, ill, rounded), 10, 15)


def _sorted_apart(is_faulty: bool) -> Training:
    x, classes = data.digits(is_flat=False)
    y = np.sort(classes) if is_faulty else classes
    model = _model(
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ],
        "sparse_categorical_crossentropy",
    )
    return Training(model, x, y, accuracy_share(x, classes, most_likely), 32, 12)


ANSWERS = (
    Program("patients, softmax over one unit", FIT, ("output_activation",), _patients),
    Program("prices, softmax over one unit", FIT, ("output_activation",),
            _prices_of_softmax),
    Program("flowers, logits as probabilities", FIT, ("output_activation", "loss"),
            _flowers_without_softmax),
    Program("digits, relu output", FIT, ("output_activation",), _digits_of_relu),
    Program("prices, crossentropy", FIT, ("loss", "output_activation"),
            _crossentropy_of_prices),
    Program("patients, categories of one unit", FIT, ("loss", "output_activation"),
            _categories_of_one_unit),
    Program("prices, sigmoid output", BOUNDED, ("output_activation", "target_scale"),
            _prices_of_sigmoid),
    Program("cold days, relu output", BOUNDED, ("output_activation",), _cold_of_relu),
    Program("warm days, tanh output", BOUNDED, ("output_activation", "target_scale"),
            _warm_of_tanh),
    Program("ten digits, one unit", LABELS, ("loss", "labels", "output_activation"),
            _one_unit_for_ten),
    Program("patients, labels of -1 and 1", LABELS, ("labels", "loss"), _signs),
    Program("patients, labels shuffled", LABELS, ("labels",), _shuffled),
    Program("digits, labels sorted apart", LABELS, ("labels",), _sorted_apart),
)  # fmt: skip
