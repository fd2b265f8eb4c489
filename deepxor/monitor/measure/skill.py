"""Measures how much better a model's predictions are than a constant."""

from __future__ import annotations

import inspect
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.measure.constants import Constants, broadcast_weights
from deepxor.monitor.measure.tracing import Traced

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


# The skill is that of at least so many samples.
MIN_SAMPLES = 32


class Score(NamedTuple):
    """Holds how good predictions are.

    Attributes:
        loss: The loss of the predictions; NaN if it is not known.
        constant_loss: The loss of the best constant on the same samples.
        samples: The number of samples.
    """

    loss: float
    constant_loss: float
    samples: int


class Skill:
    """Measures the skill of an output's predictions, outside of the training step.

    The skill is 1 minus the ratio of the loss to that of the best constant: 1 for
    perfect predictions, 0 for constant ones and negative for worse ones. Murphy 1988,
    "Skill scores based on the mean square error", eq. 4. For the mean squared error it
    is the share of the targets' variance that is explained. The reference is the best
    constant, see `Constants`. Sample weights and masks count as in Keras's losses.

    Args:
        loss: The loss that the model was compiled with for the output.

    Attributes:
        reason: The reason why the skill is not measured; None if it is.
    """

    def __init__(self, loss: Any) -> None:
        function, self.reason = fresh_loss(loss)
        self._constants = Constants(is_sparse=_name(loss).startswith("sparse_"))
        self._scores: deque[Score] = deque()
        self._totals: dict[str, float] = {}
        self._losses: Traced | None = None
        if function is not None:
            self._losses = Traced(_stacked(function))

    def measure(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        weights: Sequence[np.ndarray] = (),
    ) -> Score:
        """Returns the score of predictions.

        Args:
            targets: [samples, ...].
            predictions: [samples, ...].
            weights: Sample weights and masks, [samples, ...] each.

        Returns:
            The score; the losses are NaN if there is a `reason`.
        """
        if self._losses is None:
            return Score(float("nan"), float("nan"), len(targets))
        predictions = predictions.astype(np.float32)
        if targets[0].size == predictions[0].size:
            targets = targets.reshape(predictions.shape)  # [samples] to [samples, 1]
        self._constants.add(targets, weights)
        with np.errstate(over="ignore", invalid="ignore"):  # as training may explode
            constants = self._constants.candidates(predictions)
        values = [np.broadcast_to(c, predictions.shape) for c in constants.values()]
        with warnings.catch_warnings():
            # Keras has given the same warnings in the training step.
            warnings.simplefilter("ignore")
            tensors = [tf.constant(x) for x in (targets, predictions, *values)]
            losses = self._losses(tensors).numpy()
        own, *others = (_mean(row, weights) for row in losses)
        reference = self._reference(dict(zip(constants, others, strict=True)))
        score = Score(own, reference, len(targets))
        self._scores.append(score)
        while self._pooled(1) >= MIN_SAMPLES:
            self._scores.popleft()
        return score

    def _reference(self, losses: Mapping[str, float]) -> float:
        """Returns the loss of the constant that has been the best so far.

        The best one on a few samples would be better than any that one could know.
        """
        for name, loss in losses.items():
            finite = loss if np.isfinite(loss) else np.inf
            self._totals[name] = self._totals.get(name, 0.0) + finite
        best = min(losses, key=lambda name: self._totals[name])
        return losses[best] if np.isfinite(self._totals[best]) else float("nan")

    def pooled(self, least: int = 0) -> float:
        """Returns the skill over the latest samples, at least `MIN_SAMPLES` if known.

        Args:
            least: The number of samples without which the skill is not known.

        Returns:
            NaN if it is not known, or if the loss of the constant is not positive.
        """
        if self._pooled(0) < least:
            return float("nan")
        lost = sum(score.samples * score.loss for score in self._scores)
        constant = sum(score.samples * score.constant_loss for score in self._scores)
        return 1 - lost / constant if constant > 0 else float("nan")

    def _pooled(self, start: int) -> int:
        """Returns the number of samples of the scores from a given one on."""
        return sum(score.samples for score in list(self._scores)[start:])


def _stacked(loss: Loss) -> Callable[..., tf.Tensor]:
    """Returns a function of targets and several predictions, [predictions, ...]."""

    def losses(targets: tf.Tensor, *values: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.cast(loss(targets, x), tf.float32) for x in values])

    return losses


def _mean(losses: np.ndarray, weights: Sequence[np.ndarray]) -> float:
    """Returns the mean of weighted losses, [samples, ...] or a scalar, as Keras does.

    It is the mean over what no mask leaves out, and 0 if the masks leave out all.
    """
    if losses.ndim == 0:
        return float(losses)
    shares = broadcast_weights(weights, losses.shape)
    masks = [weight for weight in weights if weight.dtype == bool]
    count = broadcast_weights(masks, losses.shape).sum()
    # A weight of 0 is that of a sample, or a step of a sequence, that does not count,
    # even if its loss is not finite.
    counted = np.where(shares != 0, losses, 0) * shares
    return float(counted.sum(dtype=np.float64) / count) if count else 0.0


def fresh_loss(loss: Any) -> tuple[Loss | None, str | None]:
    """Returns a loss that shares no state with the one that a model trains with.

    A custom loss is not called once more, as it may keep a running mean or draw random
    numbers.

    Args:
        loss: The loss of an output as `compile` takes it.

    Returns:
        The loss as a function of targets and predictions, without a mean over the
        samples as far as the loss can do without; and None. Or None and the reason why
        there is no such loss.
    """
    if loss is None:
        return None, "the model was compiled without a loss"
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if not callable(loss):
        return None, f"the loss {loss!r} is not one of a single output"
    if not compat.is_of_keras(loss if inspect.isfunction(loss) else type(loss)):
        name = getattr(loss, "__name__", type(loss).__name__)
        return None, f"the loss {name} is not Keras's own"
    if inspect.isfunction(loss):
        return loss, None
    config = loss.get_config()
    if "fn" in config:
        return None, f"the loss {loss.name} is not Keras's own"
    return type(loss).from_config({**config, "reduction": "none"}), None


def _name(loss: Any) -> str:
    """Returns Keras's name of a loss in lower case, as far as it has one."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", None)
    name = name or getattr(loss, "name", None) or type(loss).__name__
    return str(name).lower()
