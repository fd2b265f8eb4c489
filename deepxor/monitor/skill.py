"""How much better a model's predictions are than a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Skill:
    """Measures the skill of a batch's predictions.

    Outside of the training step, from samples that it has kept.

    Args:
        loss: What the model was compiled with.
    """

    def __init__(self, loss: Any) -> None:
        self._loss = single_loss(loss)
        self._function: Callable[..., tf.Tensor] | None = None

    def measure(self, targets: tf.Tensor, predictions: tf.Tensor) -> float:
        """Returns `skill`, or NaN if the loss is not one of targets and predictions.

        Args:
            targets: [samples, ...].
            predictions: [samples, ...].
        """
        if self._loss is None:
            return float("nan")
        if self._function is None:
            loss = self._loss
            self._function = tf.function(
                lambda y, p: skill(loss, y, p), autograph=False
            )
        try:
            return float(self._function(targets, predictions).numpy())
        except (ValueError, TypeError, tf.errors.OpError):
            self._loss = None  # somebody's own, of batches of a certain size perhaps
            return float("nan")


def skill(loss: Loss, targets: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Returns the skill score of predictions, with their own mean as the reference.

    Murphy 1988, "Skill scores based on the mean square error", eq. 4. Of the mean
    squared error, it is the share of the targets' variance that is explained.

    Args:
        loss: Of targets and predictions; its mean is taken.
        targets: [samples, ...].
        predictions: [samples, ...].

    Returns:
        Scalar: 1 less the loss over that of the same prediction, the mean, for all
        samples. 1 for perfect predictions, 0 for constant ones, negative for worse; NaN
        if the loss of the mean is not positive.
    """
    predictions = tf.cast(predictions, tf.float32)
    if targets.shape.num_elements() == predictions.shape.num_elements():
        targets = tf.reshape(targets, predictions.shape)  # [samples] to [samples, 1]
    mean = tf.reduce_mean(predictions, axis=0, keepdims=True)
    constant = tf.broadcast_to(mean, predictions.shape)
    own, reference = (
        tf.reduce_mean(tf.cast(loss(targets, values), tf.float32))
        for values in (predictions, constant)
    )
    return tf.where(reference > 0, 1 - own / reference, float("nan"))


def single_loss(loss: Any) -> Loss | None:
    """Returns the function of a loss for a single output, or None if it is no such.

    Args:
        loss: As `compile` takes it.
    """
    if not isinstance(loss, str) and not callable(loss):
        return None
    return keras.losses.get(loss)
