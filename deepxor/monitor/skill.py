"""How much better a model's predictions are than a constant."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from deepxor.monitor.samples import Samples
from deepxor.monitor.tracing import Traced

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Skill:
    """Measures the skill of a batch's predictions, outside of the training step.

    Args:
        loss: What the model was compiled with.
        samples: Of so many of a batch, at most.
    """

    def __init__(self, loss: Any, samples: int) -> None:
        function = single_loss(loss)
        self._samples = Samples(samples)
        self._function: Traced | None = None
        if function is not None:
            self._function = Traced(functools.partial(skill, function))

    def keep(self, pair: Sequence[tf.Tensor]) -> None:
        """Adds to the step being traced what keeps some samples of it.

        Args:
            pair: Targets and predictions, [batch, ...] each, or nothing.
        """
        self._samples.keep("pair", pair)

    def measure(self) -> float:
        """Returns `skill` of what was kept.

        Returns:
            NaN if nothing was, or if the loss is not one of targets and predictions.
        """
        pair = self._samples.tensors("pair")
        if self._function is None or not pair:
            return float("nan")
        try:
            return float(self._function(pair).numpy())
        except Exception:  # somebody's own, perhaps of batches of a certain size
            self._function = None
            return float("nan")


def skill(loss: Loss, targets: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Returns the skill score of predictions, with a constant as the reference.

    Murphy 1988, "Skill scores based on the mean square error", eq. 4. Of the mean
    squared error, it is the share of the targets' variance that is explained. Which
    constant is the best depends on the loss; so it is the best of those that usually
    are: the mean of the predictions, that of the targets if they are of the same shape,
    and 0, which of logits says that all is equally likely.

    Args:
        loss: Of targets and predictions; its mean is taken.
        targets: [samples, ...].
        predictions: [samples, ...].

    Returns:
        Scalar: 1 less the loss over that of a constant. 1 for perfect predictions, 0
        for constant ones, negative for worse; NaN if the constant's loss is not
        positive.
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
    # 0 may be no prediction at all, of probabilities that are to be normalized.
    reference = tf.reduce_min(tf.where(tf.math.is_finite(losses), losses, float("inf")))
    is_known = (reference > 0) & tf.math.is_finite(reference)
    return tf.where(is_known, 1 - mean_loss(predictions) / reference, float("nan"))


def single_loss(loss: Any) -> Loss | None:
    """Returns the function of a loss for a single output, or None if it is no such.

    Args:
        loss: As `compile` takes it.
    """
    if not isinstance(loss, str) and not callable(loss):
        return None
    return keras.losses.get(loss)
