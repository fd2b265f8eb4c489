"""The models that are trained with and without the monitor, with their data."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

# A model, its inputs, its classes and the batch size.
Task = tuple[keras.Model, np.ndarray, np.ndarray, int]


def mlp() -> Task:
    """Returns ten dense layers, nine of them with 256 units."""
    hidden = [layers.Dense(256, "relu") for _ in range(9)]
    model = keras.Sequential([keras.Input((256,)), *hidden, layers.Dense(10)])
    return model, _normal(2560, 256), _classes(2560), 128


def cnn() -> Task:
    """Returns three convolutions and two dense layers."""
    stack = [
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3, 2, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, "relu"),
        layers.Dense(10),
    ]
    model = keras.Sequential([keras.Input((32, 32, 3)), *stack])
    return model, _normal(1280, 32, 32, 3), _classes(1280), 32


def transformer() -> Task:
    """Returns two blocks of attention over 32 tokens."""
    tokens = keras.Input((32,), dtype="int32")
    x = layers.Embedding(1000, 64)(tokens)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 16)(x, x))
        x = layers.LayerNormalization()(
            x + layers.Dense(64)(layers.Dense(128, "gelu")(x))
        )
    model = keras.Model(tokens, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))
    x = np.random.default_rng(0).integers(0, 1000, (1280, 32))
    return model, x, _classes(1280), 32


def lstm() -> Task:
    """Returns an LSTM of 64 units over 24 steps."""
    model = keras.Sequential([keras.Input((24, 16)), layers.LSTM(64), layers.Dense(10)])
    return model, _normal(1280, 24, 16), _classes(1280), 32


MODELS: dict[str, Callable[[], Task]] = {
    "MLP": mlp,
    "CNN": cnn,
    "transformer": transformer,
    "LSTM": lstm,
}


def compile_model(model: keras.Model, is_compiled: bool) -> None:
    """Compiles a model of `MODELS` for gradient descent.

    Args:
        model: The model, whose outputs are logits.
        is_compiled: Whether XLA compiles the step.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=is_compiled)


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _classes(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 10, count)
