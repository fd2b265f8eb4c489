"""Finds the constant predictions that a model has to be better than."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# The most numbers of targets that are kept to find the constants from.
MAX_NUMBERS = 2**17

# Probabilities of exactly 0 or 1 have no finite logit.
EPSILON = 1e-7


class Constants:
    """Finds the best constants from all targets that have been seen.

    Which constant is the best depends on the loss: the mean under the squared error and
    crossentropy, the median under the absolute error, or the logit of the mean if the
    model returns logits. A constant that is found from the very samples on which it is
    judged is better than any model could know, by more the fewer they are. So all
    targets seen so far count, up to `MAX_NUMBERS` numbers; but not those that are NaN
    or infinite.

    Args:
        is_sparse: Whether the targets are the numbers of classes, one for several
            predictions.
    """

    def __init__(self, is_sparse: bool) -> None:
        self._is_sparse = is_sparse
        self._targets: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []

    def add(self, targets: np.ndarray, weights: Sequence[np.ndarray]) -> None:
        """Adds targets to those from which the constants are found.

        Args:
            targets: [samples, ...].
            weights: Sample weights and masks, [samples, ...] each.
        """
        if self._targets and self._targets[-1].shape[1:] != targets.shape[1:]:
            self._targets, self._weights = [], []
        self._targets.append(targets)
        shares = broadcast_weights(weights, targets.shape)
        self._weights.append(np.where(np.isfinite(targets), shares, 0))
        while len(self._targets) > 1 and self._size() > MAX_NUMBERS:
            del self._targets[0], self._weights[0]

    def candidates(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Returns constants, of which the one with the lowest loss is the reference.

        Args:
            predictions: [samples, ...].

        Returns:
            Maps names to arrays of the shape of one prediction, float32: those from the
            targets, if these have the shape of the predictions or are numbers of
            classes, or else the mean of the predictions; and 0, which as a logit says
            that everything is equally likely.
        """
        shape = predictions.shape[1:]
        found = {"zero": np.zeros(shape)}
        targets = np.concatenate(self._targets)
        weights = np.concatenate(self._weights)
        if self._is_sparse and shape and targets[0].size < predictions[0].size:
            shares = class_shares(targets, weights, shape[-1])
            found |= {"shares": shares, "logarithm": np.log(shares)}
        elif targets.shape[1:] == shape:
            found |= _of_targets(targets.astype(np.float64), weights)
        else:
            found["prediction"] = predictions.mean(axis=0)
        return {
            name: np.broadcast_to(x, shape).astype(np.float32)
            for name, x in found.items()
        }

    def _size(self) -> int:
        return sum(targets.size for targets in self._targets)


def _of_targets(targets: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the mean, the median, and the mean as a logit and as a logarithm."""
    total = weights.sum(axis=0)
    counted = np.where(weights > 0, targets, 0)
    mean = np.divide(
        (counted * weights).sum(axis=0), total, out=np.zeros(total.shape),
        where=total > 0,
    )  # fmt: skip
    found = {"mean": mean, "median": _median(counted, weights)}
    if (mean >= 0).all() and (mean <= 1).all():
        share = np.clip(mean, EPSILON, 1 - EPSILON)
        found["logit"] = np.log(share) - np.log1p(-share)
        found["logarithm"] = np.log(share)
    return found


def _median(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the median over the samples, the lower one if two have half the weight.

    Without weights it is the mean of the two, which is faster to find.
    """
    if (weights == 1).all():
        return np.asarray(np.median(targets, axis=0))
    order = np.argsort(targets, axis=0)
    sums = np.take_along_axis(weights, order, axis=0).cumsum(axis=0)
    half = (sums >= sums[-1] / 2) & (sums > 0)
    place = np.take_along_axis(order, half.argmax(axis=0)[None], axis=0)
    return np.asarray(np.take_along_axis(targets, place, axis=0)[0])


def class_shares(targets: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Returns the share of each class among targets that are numbers of classes.

    Args:
        targets: The numbers of the classes, [samples, ...].
        weights: The weight of each target, of the same shape.
        count: The number of classes.

    Returns:
        float64 [count], above 0 also for a class that is not among the targets.
    """
    classes = targets.ravel()
    is_class = (classes >= 0) & (classes < count)
    counts = np.bincount(
        classes[is_class].astype(int), weights.ravel()[is_class], count
    )
    shares = np.maximum(counts / max(counts.sum(), EPSILON), EPSILON)
    return shares / shares.sum()


def broadcast_weights(
    weights: Sequence[np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    """Returns the product of weights, each spread over the axes that it does not have.

    Args:
        weights: Sample weights and masks, [samples, ...] each.
        shape: The shape of what is weighted, [samples, ...].

    Returns:
        float64 of that shape; 1 without weights.
    """
    product = np.ones(shape)
    for weight in weights:
        known = np.asarray(weight, np.float64)
        while known.ndim > len(shape) and known.shape[-1] == 1:
            known = known[..., 0]
        if known.shape != shape[: known.ndim] and known.shape[-1] == 1:
            known = known[..., 0]
        known = known.reshape(known.shape + (1,) * (len(shape) - known.ndim))
        product = product * known
    return product
