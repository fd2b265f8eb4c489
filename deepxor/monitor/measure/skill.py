"""Measures how much better a model's predictions are than a constant."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.measure.tracing import Traced

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Skill:
    """Measures the skill of a batch's predictions, outside of the training step.

    Args:
        loss: The loss that the model was compiled with.

    Attributes:
        reason: The reason why the skill is not measured; None if it is.
    """

    def __init__(self, loss: Any) -> None:
        function, self.reason = fresh_loss(loss)
        self._function: Traced | None = None
        if function is not None:
            self._function = Traced(functools.partial(skill, function))

    def measure(self, pair: Sequence[np.ndarray]) -> float:
        """Returns the skill of predictions, see `skill`.

        Args:
            pair: Targets and predictions, [samples, ...] each, or an empty list.

        Returns:
            The skill score; NaN if `pair` is empty, or if there is a `reason`.
        """
        if self._function is None or not pair:
            return float("nan")
        with warnings.catch_warnings():
            # Keras has given the same warnings in the training step.
            warnings.simplefilter("ignore")
            return float(self._function([tf.constant(x) for x in pair]).numpy())


def skill(loss: Loss, targets: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Returns the skill score of predictions, with a constant as the reference.

    Murphy 1988, "Skill scores based on the mean square error", eq. 4. For the mean
    squared error it is the share of the targets' variance that is explained. Which
    constant is the best depends on the loss. So the reference is the best of those that
    usually are: the mean of the predictions; the mean of the targets, if they have as
    many elements as the predictions; and 0, which as a logit says that everything is
    equally likely.

    Args:
        loss: A function of targets and predictions, of whose result the mean is taken.
        targets: [samples, ...].
        predictions: [samples, ...].

    Returns:
        Scalar: 1 minus the ratio of the loss to the loss of the constant. It is 1 for
        perfect predictions, 0 for constant ones and negative for worse ones; NaN if the
        loss of the constant is not positive or not finite.
    """
    predictions = tf.cast(predictions, tf.float32)
    constants = [tf.reduce_mean(predictions, axis=0), tf.zeros(predictions.shape[1:])]
    if targets.shape.num_elements() == predictions.shape.num_elements():
        targets = tf.reshape(targets, predictions.shape)  # [samples] to [samples, 1]
        constants.append(tf.reduce_mean(tf.cast(targets, tf.float32), axis=0))

    def mean_loss(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.cast(loss(targets, values), tf.float32))

    losses = tf.stack(
        [mean_loss(tf.broadcast_to(x, predictions.shape)) for x in constants]
    )
    # For probabilities that the loss normalizes, 0 may be no valid prediction.
    reference = tf.reduce_min(tf.where(tf.math.is_finite(losses), losses, float("inf")))
    is_known = (reference > 0) & tf.math.is_finite(reference)
    return tf.where(is_known, 1 - mean_loss(predictions) / reference, float("nan"))


def fresh_loss(loss: Any) -> tuple[Loss | None, str | None]:
    """Returns a loss that shares no state with the one that a model trains with.

    A custom loss is not called once more, as it may keep a running mean or draw random
    numbers.

    Args:
        loss: The loss as `compile` takes it.

    Returns:
        The loss as a function of targets and predictions, and None; or None and the
        reason why there is no such loss.
    """
    if loss is None:
        return None, "the model was compiled without a loss"
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if not callable(loss):
        return None, "the model has several outputs"
    if not compat.is_of_keras(loss if inspect.isfunction(loss) else type(loss)):
        name = getattr(loss, "__name__", type(loss).__name__)
        return None, f"the loss {name} is not Keras's own"
    if inspect.isfunction(loss):
        return loss, None
    config = loss.get_config()
    if "fn" in config:
        return None, f"the loss {loss.name} is not Keras's own"
    return type(loss).from_config(config), None
