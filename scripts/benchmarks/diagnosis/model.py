"""A model of the diagnosis benchmark, built and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from scripts.benchmarks.diagnosis.builder import Builder, initializer
from scripts.benchmarks.diagnosis.networks import NETWORKS
from scripts.benchmarks.diagnosis.setup import Setup
from scripts.benchmarks.diagnosis.tasks import TASKS, task_data


def build_model(setup: Setup) -> keras.Model:
    """Returns a new model of a setup, compiled."""
    x, _ = task_data(setup.task)
    inputs = keras.Input(x.shape[1:], dtype=x.dtype.name)
    hidden = NETWORKS[setup.network](Builder(setup), inputs)
    outputs = layers.Dense(
        TASKS[setup.task].outputs,
        activation=setup.output or None,
        kernel_initializer=initializer(setup.last_initializer),
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
    from_logits = not setup.output if setup.logits is None else setup.logits
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
