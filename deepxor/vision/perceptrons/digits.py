"""The digits as vectors; no TensorFlow."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from deepxor.vision.datasets import load


@dataclass(frozen=True, eq=False)
class Digits:
    """Holds the digits.

    Attributes:
        x: The training pictures, float32 [pictures, pixels].
        y: Their classes, int32 [pictures].
        x_test: The test pictures, float32 [pictures, pixels].
        y_test: Their classes, int32 [pictures].
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def class_losses(self) -> np.ndarray:
        """The cross-entropy of a picture of each class under the best constant.

        The best constant are the shares of the classes among the training pictures.
        """
        return np.asarray(-np.log(np.bincount(self.y) / len(self.y)))


@functools.cache
def digits() -> Digits:
    """Returns scikit-learn's digits, standardized as `datasets.load` does it.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    found = load("digits")
    train, test = (x.reshape(len(x), -1) for x in (found.x_train, found.x_test))
    y, y_test = (labels.astype(np.int32) for labels in (found.y_train, found.y_test))
    return Digits(train, y, test, y_test)
