"""Programs whose inputs or targets are not scaled."""

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

INPUTS = "inputs not scaled"
TARGETS = "huge targets"


def _model(stack: list[Any], loss: Any, optimizer: Any = "adam") -> keras.Model:
    model = keras.Sequential(stack)
    model.compile(optimizer, loss)
    return model


def _timestamps(is_faulty: bool) -> Training:
    rng = np.random.default_rng(6)
    hour = rng.uniform(0, 24, (500, 1))
    is_day = ((hour > 7) & (hour < 19)).astype(int).ravel()
    x = (1.7e9 + 3600 * hour).astype(np.float32) if is_faulty else hour / 12 - 1
    model = _model(
        [layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")],
        "binary_crossentropy", keras.optimizers.Adam(0.03),
    )  # fmt: skip
    return Training(model, x, is_day, accuracy_share(x, is_day, rounded), 16, 40)


def _pixels(is_faulty: bool) -> Training:
    x, classes = data.digits(scale=255.0 if is_faulty else 1.0)
    model = _model(
        [
            layers.Dense(64, "relu"),
            layers.Dense(32, "relu"),
            layers.Dense(10, "softmax"),
        ],
        "sparse_categorical_crossentropy", keras.optimizers.SGD(0.1),
    )  # fmt: skip
    return Training(model, x, classes, accuracy_share(x, classes, most_likely), 32, 10)


def _sensor(is_faulty: bool) -> Training:
    x, y = data.series()
    y = y / 10
    x = 5000 + 1000 * x if is_faulty else x
    model = _model(
        [layers.SimpleRNN(16, "tanh"), layers.Dense(1)], "mse",
        keras.optimizers.Adam(0.01),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 20)


def _raw_table(is_faulty: bool) -> Training:
    x, ill = data.table()
    x = x * 100 if is_faulty else data.scaled(x)
    model = _model(
        [layers.Dense(8, "sigmoid"), layers.Dense(1, "sigmoid")],
        "binary_crossentropy", keras.optimizers.SGD(0.1),
    )  # fmt: skip
    return Training(model, x, ill, accuracy_share(x, ill, rounded), 16, 20)


def _salaries(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = price if is_faulty else (price - price.mean()) / price.std()
    model = _model([layers.Dense(32, "relu"), layers.Dense(1)], "mse",
                   keras.optimizers.Adam(0.01))  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 30)


def _millions(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = price * 10 if is_faulty else (price - price.mean()) / price.std()
    model = _model([layers.Dense(16, "relu"), layers.Dense(1)], "mse",
                   keras.optimizers.SGD(0.05))  # fmt: skip
    return Training(model, x, y, explained(x, y), 32, 30)


def _squares(is_faulty: bool) -> Training:
    number = np.arange(0, 200, dtype=np.float32)[:, None]
    x, y = data.scaled(number), number**2
    y = y if is_faulty else data.scaled(y)
    model = _model(
        [layers.Dense(16, "tanh"), layers.Dense(16, "tanh"), layers.Dense(1)], "mse",
        keras.optimizers.Adam(0.01),
    )  # fmt: skip
    return Training(model, x, y, explained(x, y), 20, 60)


SCALES = (
    Program("hours as timestamps", INPUTS, ("input_scale",), _timestamps),
    Program("pixels up to 255, sgd", INPUTS, ("input_scale", "learning_rate_high"),
            _pixels),
    Program("sensor of thousands", INPUTS, ("input_scale",), _sensor),
    Program("raw table, sigmoid", INPUTS, ("input_scale",), _raw_table),
    Program("prices as they are", TARGETS,
            ("target_scale", "learning_rate_low", "too_few_steps"), _salaries),
    Program("prices in millions, sgd", TARGETS,
            ("target_scale", "learning_rate_high"), _millions),
    Program("squares up to 40,000", TARGETS,
            ("target_scale", "learning_rate_low", "too_few_steps"), _squares),
)  # fmt: skip
