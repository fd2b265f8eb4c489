"""The models of the diagnosis benchmark: how one is built, trained and judged.

A model is faulty because it does not learn, and its fault is of a kind because that
kind's remedy makes the very same model learn. No rule of a diagnosis has a say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import layers

from scripts.benchmarks.diagnosis.setup import HEALTHY, Case, Setup
from scripts.benchmarks.diagnosis.tasks import (
    TASKS,
    TOKENS,
    best_constant_loss,
    task_data,
)

# A model has learned if it has come at least this far from the best constant output to
# what a good model of its task reaches, and has not if it has come less than the other.
LEARNED, NOT_LEARNED = 0.5, 0.2

# A slow one has to come this far in the steps recorded, and the whole way in
# `Case.patience` times the epochs.
SLOW = 0.1

MakeLayer = Callable[..., keras.layers.Layer]


# --- Building -----------------------------------------------------------------------


def _initializer(name: str) -> Any:
    """Returns the Keras initializer that `Setup` names."""
    kind, _, number = name.partition(":")
    if not number:
        return keras.initializers.get(name)
    makers: dict[str, Callable[[float], Any]] = {
        "normal": lambda value: keras.initializers.RandomNormal(stddev=value),
        "uniform": lambda value: keras.initializers.RandomUniform(-value, value),
        "positive": lambda value: keras.initializers.RandomUniform(0.0, value),
        "orthogonal": lambda value: keras.initializers.Orthogonal(gain=value),
        "constant": lambda value: keras.initializers.Constant(value),
    }
    if kind not in makers:
        allowed = ", ".join(makers)
        raise ValueError(f"initializer={name!r}: before a colon, allowed are {allowed}")
    return makers[kind](float(number))


def _bias(setup: Setup) -> Callable[..., np.ndarray]:
    def initialize(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        bias = np.zeros(shape, np.float32)
        bias[..., : round(setup.bias_share * shape[-1])] = setup.bias
        return bias

    return initialize


_ACTIVATION_LAYERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "prelu": layers.PReLU,
}


class Builder:
    """Adds hidden layers as a setup has them.

    Args:
        setup: Says what they are like.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._count = 0

    def hidden(self, x: Any, make: MakeLayer, *args: Any) -> Any:
        """Adds a layer with its activation, normalization and dropout.

        Args:
            x: What it is called on.
            make: The class of the layer, such as `Dense`.
            *args: Of the class.

        Returns:
            The output.
        """
        setup = self.setup
        is_separate = setup.separate or bool(setup.norm) or setup.activation == "prelu"
        layer = make(
            *args,
            activation=None if is_separate else setup.activation,
            **self.options(),
        )
        x = layer(x)
        if setup.norm == "batch":
            x = layers.BatchNormalization(momentum=0.9)(x)
        elif setup.norm == "layer":
            x = layers.LayerNormalization()(x)
        if is_separate:
            x = self.activation(x)
        if setup.dropout:
            x = layers.Dropout(setup.dropout)(x)
        return x

    def activation(self, x: Any) -> Any:
        """Adds an activation as a layer of its own."""
        name = self.setup.activation
        if name in _ACTIVATION_LAYERS:
            return _ACTIVATION_LAYERS[name]()(x)
        return layers.Activation(name)(x)

    def options(self) -> dict[str, Any]:
        """Returns the next hidden layer's initializers, and whether it is trained."""
        setup, index = self.setup, self._count
        self._count += 1
        is_special = setup.only is None or setup.only == index
        return {
            "kernel_initializer": _initializer(
                setup.initializer if is_special else "he_normal"
            ),
            "bias_initializer": _bias(setup) if is_special else "zeros",
            "trainable": index >= setup.frozen,
        }


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
            else:  # gates' biases: those of Keras
                options.pop("bias_initializer")
            x = make(
                units,
                recurrent_initializer=_initializer(setup.recurrent_initializer),
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


def build_model(setup: Setup) -> keras.Model:
    """Returns a new model, compiled."""
    x, _ = task_data(setup.task)
    inputs = keras.Input(x.shape[1:], dtype=x.dtype.name)
    hidden = NETWORKS[setup.network](Builder(setup), inputs)
    outputs = layers.Dense(
        TASKS[setup.task].outputs,
        activation=setup.output or None,
        kernel_initializer=_initializer(setup.last_initializer),
        bias_initializer=keras.initializers.Constant(setup.last_bias),
        name="output",
    )(hidden)
    model = keras.Model(inputs, outputs)
    compile_model(model, setup)
    return model


def compile_model(model: keras.Model, setup: Setup) -> None:
    """Compiles a model with the optimizer and the loss of a setup."""
    rate: Any = setup.rates[0][1]
    if len(setup.rates) > 1:
        starts, values = zip(*setup.rates, strict=True)
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            list(starts[1:]), list(map(float, values))
        )
    optimizers: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
        "sgd": keras.optimizers.SGD,
        "momentum": lambda rate, **rest: keras.optimizers.SGD(rate, 0.9, **rest),
        "nesterov": lambda rate, **rest: keras.optimizers.SGD(rate, 0.9, True, **rest),
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "rmsprop": keras.optimizers.RMSprop,
        "adagrad": keras.optimizers.Adagrad,
    }
    clip = {} if setup.clipnorm is None else {"clipnorm": setup.clipnorm}
    model.compile(optimizers[setup.optimizer](rate, **clip), loss=_loss(setup))


def _loss(setup: Setup) -> Any:
    from_logits = not setup.output
    losses = {
        "bce": keras.losses.BinaryCrossentropy(from_logits=from_logits),
        "ce": keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        "mse": keras.losses.MeanSquaredError(),
        "mae": keras.losses.MeanAbsoluteError(),
        "huber": keras.losses.Huber(),
        "poisson": keras.losses.Poisson(),
        "cosine": keras.losses.CosineSimilarity(),
    }
    loss = losses[setup.loss_name]
    if setup.loss_scale == 1:
        return loss

    def scaled_loss(y: Any, prediction: Any) -> Any:
        return setup.loss_scale * loss(y, prediction)

    return scaled_loss


def train(case: Case, callbacks: Sequence[Any] = ()) -> np.ndarray:
    """Builds and trains a case.

    Args:
        case: The case; training is the same for the same case.
        callbacks: Of the training that is recorded.

    Returns:
        The mean loss of each epoch of it, float64 [epochs].
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(case.seed)
    before = replace(case.setup, **(case.before or {}))
    model = build_model(before)
    if case.before is not None:
        _fit(model, before, [])
        for layer in model.layers[: 1 + case.setup.frozen]:
            layer.trainable = False
        compile_model(model, case.setup)
    return _fit(model, case.setup, callbacks)


def _fit(model: keras.Model, setup: Setup, callbacks: Sequence[Any]) -> np.ndarray:
    x, y = setup.data()
    history = model.fit(
        x,
        y,
        batch_size=setup.batch_size,
        epochs=setup.epochs,
        verbose=0,
        callbacks=list(callbacks),
    )
    return np.array(history.history["loss"], np.float64)


# --- Judging by outcome -------------------------------------------------------------

_ADAM = ((0, 0.01),)
_GOOD = Setup(
    units=(32, 32), initializer="he_normal", optimizer="adam", rates=_ADAM, epochs=40
)
_GOOD_RECURRENT = replace(_GOOD, network="gru", units=(16,), epochs=30)

# Networks that learn these tasks better than _GOOD does.
_GOOD_OTHERS = {
    "bars": replace(_GOOD, network="cnn", units=(8, 16, 16), epochs=20),
    "glyphs": replace(_GOOD, network="cnn", units=(8, 16, 32), epochs=20),
    "counts": replace(_GOOD, output="exponential"),
    "low_rank": replace(_GOOD, units=(16, 3, 16), activation="tanh"),
    # A larger one would learn the noise by heart.
    "noisy_friedman": replace(_GOOD, units=(8,), epochs=15),
    "plane": replace(_GOOD, network="linear"),
    "waves_24": replace(_GOOD, network="conv1d", units=(16, 16), epochs=20),
    "waves_60": replace(_GOOD, network="conv1d", units=(16, 16), epochs=20),
    "means_20": _GOOD_RECURRENT,
    "means_50": _GOOD_RECURRENT,
    "tokens": replace(_GOOD, network="bag", units=(16, 16)),
}


@cache
def reference_loss(task: str, loss: str) -> float:
    """Trains a good model of a task; returns the loss that it reaches.

    Args:
        task: A key of `diagnosis_tasks.TASKS`.
        loss: As in `diagnosis_tasks.Task`.

    Returns:
        The mean loss of the last epoch.
    """
    setup = replace(_GOOD_OTHERS.get(task, _GOOD), task=task, loss=loss)
    return float(train(Case(f"reference of {task}", HEALTHY, setup))[-1])


def learned_share(setup: Setup, loss: float) -> float:
    """Returns how far a model has come from the best constant output to a good model.

    Args:
        setup: Of the model.
        loss: That it has ended with.

    Returns:
        0 for the best constant, 1 for the reference; minus infinity for a loss that is
        not finite.
    """
    if not math.isfinite(loss):
        return -math.inf
    # Of the unscaled task: a squared error grows with the scale's square.
    power = {"mse": 2, "mae": 1}.get(setup.loss_name, 0)
    loss /= setup.loss_scale * setup.target_scale**power
    worst = best_constant_loss(setup.loss_name, task_data(setup.task)[1])
    best = reference_loss(setup.task, setup.loss_name)
    return (worst - loss) / (worst - best)


@dataclass(frozen=True)
class Outcome:
    """How a case has ended.

    Attributes:
        share: `learned_share` of the case.
        remedied: That of the same case with its remedy; None for a healthy one.
        prolonged: That of the same case trained longer; None without `Case.patience`.
        ok: It is what its kind says: it learns, be it slowly, if healthy; else it does
            not, not even in more time, but does with its remedy.
    """

    share: float
    remedied: float | None
    prolonged: float | None
    ok: bool


def find_outcome(case: Case) -> Outcome:
    """Trains a case, also remedied and for longer; says whether its kind holds."""

    def share_of(case: Case) -> float:
        return learned_share(case.setup, train(case)[-1])

    share = share_of(case)
    prolonged = None if case.patience == 1 else share_of(case.prolonged())
    if case.kind == HEALTHY:
        is_slow = prolonged is not None and share >= SLOW and prolonged >= LEARNED
        return Outcome(share, None, prolonged, share >= LEARNED or is_slow)
    remedied = share_of(case.remedied())
    has_not = max(share, -math.inf if prolonged is None else prolonged) < NOT_LEARNED
    return Outcome(share, remedied, prolonged, has_not and remedied >= LEARNED)
