"""The networks of the diagnosis benchmark: from inputs to the last hidden layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from scripts.benchmarks.diagnosis.builder import Builder, MakeLayer, initializer
from scripts.benchmarks.diagnosis.tasks import TOKENS


def _mlp(build: Builder, x: Any) -> Any:
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    for units in build.setup.units:
        x = build.hidden(x, layers.Dense, units)
    return x


def _cnn(build: Builder, x: Any) -> Any:
    *filters, units = build.setup.units
    for i, count in enumerate(filters):
        x = build.hidden(x, layers.Conv2D, count, 3, 1, "same")
        if i == 0:
            x = layers.MaxPooling2D()(x)
    return build.hidden(layers.Flatten()(x), layers.Dense, units)


def _pooled_cnn(build: Builder, x: Any) -> Any:
    for count in build.setup.units:
        x = build.hidden(x, layers.Conv2D, count, 3, 1, "same")
    return layers.GlobalAveragePooling2D()(x)


def _recurrent(make: MakeLayer) -> Callable[[Builder, Any], Any]:
    def call(build: Builder, x: Any) -> Any:
        setup = build.setup
        for i, units in enumerate(setup.units):
            options = build.options() | {"use_bias": setup.use_bias}
            if make is layers.SimpleRNN:
                options["activation"] = setup.activation
            else:  # The biases of gates start as Keras has them.
                options.pop("bias_initializer")
            x = make(
                units,
                recurrent_initializer=initializer(setup.recurrent_initializer),
                return_sequences=i + 1 < len(setup.units),
                **options,
            )(x)
        return x

    return call


def _conv1d(build: Builder, x: Any) -> Any:
    for count in build.setup.units:
        x = build.hidden(x, layers.Conv1D, count, 5, 1, "same")
    return layers.GlobalMaxPooling1D()(x)


def _bag_of_tokens(build: Builder, x: Any) -> Any:
    width, *units = build.setup.units
    x = layers.GlobalAveragePooling1D()(layers.Embedding(TOKENS, width)(x))
    for count in units:
        x = build.hidden(x, layers.Dense, count)
    return x


def _transformer(build: Builder, x: Any) -> Any:
    width, *units = build.setup.units
    x = layers.Embedding(TOKENS, width)(x)
    for count in units:
        attended = layers.MultiHeadAttention(2, width // 2)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        inner = layers.Dense(width)(build.hidden(x, layers.Dense, count))
        x = layers.LayerNormalization()(layers.Add()([x, inner]))
    return layers.GlobalAveragePooling1D()(x)


def _residual(build: Builder, x: Any) -> Any:
    x = layers.Dense(build.setup.units[0])(x)
    for units in build.setup.units:
        x = layers.Add()([x, build.hidden(x, layers.Dense, units)])
    return x


def _residual_cnn(build: Builder, x: Any) -> Any:
    x = layers.Conv2D(build.setup.units[0], 3, padding="same")(x)
    for units in build.setup.units:
        x = layers.Add()([x, build.hidden(x, layers.Conv2D, units, 3, 1, "same")])
    return layers.GlobalAveragePooling2D()(x)


def _two_branches(build: Builder, x: Any) -> Any:
    first, second = x[:, :1], x[:, 1:]
    for units in build.setup.units:
        first = build.hidden(first, layers.Dense, units)
        second = build.hidden(second, layers.Dense, units)
    return layers.Concatenate()([first, second])


def _wide_and_deep(build: Builder, x: Any) -> Any:
    return layers.Concatenate()([x, _mlp(build, x)])


def _nested(build: Builder, x: Any) -> Any:
    inner_input = keras.Input(x.shape[1:])
    inner = keras.Model(inner_input, _mlp(build, inner_input), name="encoder")
    return inner(x)


def _no_hidden(build: Builder, x: Any) -> Any:
    return layers.Flatten()(x)


NETWORKS: dict[str, Callable[[Builder, Any], Any]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "pooled_cnn": _pooled_cnn,
    "conv1d": _conv1d,
    "rnn": _recurrent(layers.SimpleRNN),
    "lstm": _recurrent(layers.LSTM),
    "gru": _recurrent(layers.GRU),
    "bag": _bag_of_tokens,
    "transformer": _transformer,
    "residual": _residual,
    "residual_cnn": _residual_cnn,
    "two_branches": _two_branches,
    "wide_and_deep": _wide_and_deep,
    "nested": _nested,
    "linear": _no_hidden,
}
