"""A program as people ask about it: a faulty version and its repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

# A model has learned if its learned share is at least the first, and it has failed if
# the share is below the second.
LEARNED = 0.5
FAILED = 0.2

SEEDS = (0, 1, 2)


class Training(NamedTuple):
    """Holds what a version of a program trains.

    Attributes:
        model: The compiled model.
        x: The inputs.
        y: The targets as the model is trained on them.
        score: Maps the trained model to the learned share.
        batch_size: The batch size.
        epochs: The number of epochs.
    """

    model: Any
    x: Any
    y: Any
    score: Callable[[Any], float]
    batch_size: int = 32
    epochs: int = 20


@dataclass(frozen=True)
class Program:
    """Describes a program with one fault, and its repair.

    Attributes:
        name: The name, which no other program has.
        group: The class of the fault.
        causes: The names of the causes that a good answer names, the main one first.
        build: A function that takes whether the program is the faulty version and
            builds what is trained.
    """

    name: str
    group: str
    causes: tuple[str, ...]
    build: Callable[[bool], Training]


def accuracy_share(
    x: Any, labels: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]
) -> Callable[[Any], float]:
    """Returns a score: the accuracy from that of the most frequent class to 1.

    Args:
        x: The inputs.
        labels: The right classes, int [samples].
        answer: Maps the predictions to classes.
    """

    def score(model: Any) -> float:
        given = model.predict(x, verbose=0)
        if not np.isfinite(given).all():
            return 0.0
        most = np.bincount(labels).max() / len(labels)
        right = (answer(given) == labels).mean()
        return float((right - most) / (1 - most))

    return score


def explained(x: Any, y: np.ndarray, scale: float = 1.0) -> Callable[[Any], float]:
    """Returns a score: the share of the targets' variance that is explained.

    Args:
        x: The inputs.
        y: The targets in their own unit, [samples, 1].
        scale: What predictions are multiplied by to be in that unit, about its mean;
            1 if the model predicts in it.
    """

    def score(model: Any) -> float:
        given = model.predict(x, verbose=0).reshape(y.shape)
        if not np.isfinite(given).all():
            return 0.0
        if scale != 1:
            given = given * scale + y.mean()
        return float(1 - np.square(given - y).mean() / y.var())

    return score


def most_likely(given: np.ndarray) -> np.ndarray:
    """Returns the class with the largest prediction."""
    classes: np.ndarray = given.argmax(axis=-1)
    return classes


def rounded(given: np.ndarray) -> np.ndarray:
    """Returns the class of one unit that goes from 0 to 1, or the nearest number."""
    return np.rint(given.ravel()).astype(int)
