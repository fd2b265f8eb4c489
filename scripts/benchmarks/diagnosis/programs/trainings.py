"""Programs with a wrong learning rate, too few steps, or a model that cannot learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import initializers, layers, optimizers

from scripts.benchmarks.diagnosis.programs import data
from scripts.benchmarks.diagnosis.programs.program import (
    Program,
    Training,
    accuracy_share,
    explained,
    most_likely,
    rounded,
)

HIGH = "learning rate too high, initialization"
LOW = "learning rate too low, too few epochs"
DEAD = "dying relu, saturating hidden layers"
SHAPE = "architecture"


def _digits(
    optimizer: Any,
    epochs: int = 10,
    activation: str = "relu",
    widths: tuple[int, ...] = (64, 32),
    dropout: float = 0.0,
    after: float = 0.0,
    **options: Any,
) -> Training:
    """Returns a training on digits of an MLP."""
    x, classes = data.digits()
    stack: list[Any] = []
    for width in widths:
        stack.append(layers.Dense(width, activation, **options))
        if dropout:
            stack.append(layers.Dropout(dropout))
    stack.append(layers.Dense(10, "softmax"))
    if after:
        stack.append(layers.Dropout(after))
    model = keras.Sequential(stack)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    score = accuracy_share(x, classes, most_likely)
    return Training(model, x, classes, score, 32, epochs)


def _rate_of_ten(is_faulty: bool) -> Training:
    return _digits(optimizers.SGD(10.0 if is_faulty else 0.1))


def _adam_of_one(is_faulty: bool) -> Training:
    x, classes = data.digits(is_flat=False)
    model = keras.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(optimizers.Adam(1.0 if is_faulty else 0.003),
                  "sparse_categorical_crossentropy")  # fmt: skip
    return Training(model, x, classes, accuracy_share(x, classes, most_likely), 32, 8)


def _zeros(is_faulty: bool) -> Training:
    kernel = "zeros" if is_faulty else "glorot_uniform"
    return _digits("adam", kernel_initializer=kernel)


def _rmsprop_too_low(is_faulty: bool) -> Training:
    return _digits(optimizers.RMSprop(1e-7 if is_faulty else 1e-3))


def _two_epochs(is_faulty: bool) -> Training:
    return _digits(optimizers.SGD(0.003), 2 if is_faulty else 120, "tanh")


def _xor(is_faulty: bool) -> Training:
    x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), (50, 1))
    labels = (x.sum(axis=1) == 1).astype(int)
    model = keras.Sequential([layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    optimizer = optimizers.SGD(0.01) if is_faulty else optimizers.Adam(0.05)
    model.compile(optimizer, "mse")
    return Training(model, x, labels, accuracy_share(x, labels, rounded), 4, 10)


def _lstm_too_low(is_faulty: bool) -> Training:
    x, y = data.series()
    model = keras.Sequential([layers.LSTM(16), layers.Dense(1)])
    model.compile(optimizers.SGD(1e-5) if is_faulty else optimizers.Adam(0.03), "mse")
    return Training(model, x, y, explained(x, y), 32, 25)


def _negative_biases(is_faulty: bool) -> Training:
    biases = initializers.Constant(-8.0 if is_faulty else 0.0)
    return _digits(optimizers.Adam(0.003), bias_initializer=biases)


def _steps_kill(is_faulty: bool) -> Training:
    x, price = data.houses()
    y = (price - price.mean()) / price.std() * 20
    model = keras.Sequential(
        [layers.Dense(24, "relu"), layers.Dense(24, "relu"), layers.Dense(1)]
    )
    model.compile(optimizers.SGD(0.1 if is_faulty else 0.001), "mse")
    return Training(model, x, y, explained(x, y), 32, 25)


def _many_sigmoids(is_faulty: bool) -> Training:
    activation = "sigmoid" if is_faulty else "relu"
    return _digits(optimizers.SGD(0.1), 20, activation, (32,) * 7)


def _large_weights(is_faulty: bool) -> Training:
    deviation = 8.0 if is_faulty else 0.1
    return _digits(
        optimizers.SGD(0.05), 15, "tanh", (32, 32, 32),
        kernel_initializer=initializers.RandomNormal(stddev=deviation),
    )  # fmt: skip


def _dropout(is_faulty: bool) -> Training:
    return _digits("adam", 12, widths=(48, 48, 48), dropout=0.95 if is_faulty else 0.1)


def _one_unit_wide(is_faulty: bool) -> Training:
    return _digits("adam", 6, widths=(32, 1 if is_faulty else 16))


def _dropped_answers(is_faulty: bool) -> Training:
    return _digits("adam", 10, after=0.5 if is_faulty else 0.0)


TRAININGS = (
    Program("digits, sgd of 10", HIGH, ("learning_rate_high",), _rate_of_ten),
    Program("digits, adam of 1", HIGH, ("learning_rate_high",), _adam_of_one),
    Program("digits, weights of zero", HIGH, ("initialization",), _zeros),
    Program("digits, rmsprop of 1e-7", LOW, ("learning_rate_low", "too_few_steps"),
            _rmsprop_too_low),
    Program("digits, two epochs", LOW, ("too_few_steps", "learning_rate_low"),
            _two_epochs),
    Program("xor, sgd of 0.01", LOW, ("learning_rate_low", "too_few_steps"), _xor),
    Program("temperatures, sgd of 1e-5", LOW, ("learning_rate_low", "too_few_steps"),
            _lstm_too_low),
    Program("digits, biases of -8", DEAD, ("initialization", "hidden_activation"),
            _negative_biases),
    Program("prices, units killed by steps", DEAD,
            ("learning_rate_high", "target_scale"), _steps_kill),
    Program("digits, seven sigmoids", DEAD, ("hidden_activation", "initialization"),
            _many_sigmoids),
    Program("digits, large weights", DEAD, ("initialization", "hidden_activation"),
            _large_weights),
    Program("digits, dropout of 0.95", SHAPE, ("dropout",), _dropout),
    Program("digits, one unit wide", SHAPE, ("too_few_units",), _one_unit_wide),
    Program("digits, answers dropped", SHAPE, ("dropout",), _dropped_answers),
)  # fmt: skip
