"""Picture sets: what the convolutional networks learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepxor.checks import check_choice
from deepxor.vision.dataset_files import (
    NEEDED_FILES,
    Split,
    read_cifar10,
    read_fashion_mnist,
)

# One in this many of scikit-learn's digits of each class is for the test, as they are
# published without a test set.
DIGITS_TEST_SHARE = 5
# The smallest divisor, for pictures of one colour, which have no contrast; Goodfellow,
# Bengio & Courville 2016, section 12.2.1.1.
SMALLEST_CONTRAST = 1e-8


class DownloadError(OSError):
    """Says that a data set could not be downloaded, and what to do instead."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Holds a preprocessed set of pictures.

    Attributes:
        name: A key of `DATASETS`.
        x_train: The training pictures, float32 [n, height, width, channels].
        y_train: The classes of the training pictures, int64 [n], from 0.
        x_test: The test pictures, float32 [m, height, width, channels].
        y_test: The classes of the test pictures, int64 [m], from 0.
        classes: The number of classes.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int


def load(dataset: str, data_dir: str | Path | None = None) -> Pictures:
    """Loads and preprocesses a picture set.

    "digits" are the 1797 of scikit-learn, 8x8, every fifth of a class for the test;
    "fashion_mnist" (Xiao, Rasul & Vollgraf 2017) has 28x28 pictures and "cifar10"
    (Krizhevsky 2009) 32x32 in colour. Digits and Fashion-MNIST are standardized by mean
    and standard deviation of all training pixels. CIFAR-10 is preprocessed as by
    Goodfellow et al. 2013 and Mishkin & Matas 2015, without whitening: every picture
    has its contrast normalized, then the training pictures' mean is subtracted.

    Args:
        dataset: A key of `DATASETS`.
        data_dir: The folder of the files; None to download them, once. The digits have
            no files, so it must be None for them.

    Returns:
        The set, in the order of its files.

    Raises:
        ValueError: If there is no such set, or a file is missing or has another
            content.
        DownloadError: If the set cannot be downloaded.
        ImportError: If scikit-learn is not installed.
        OSError: If a file cannot be read.
    """
    check_choice("dataset", dataset, DATASETS)
    x_train, y_train, x_test, y_test = DATASETS[dataset](
        None if data_dir is None else Path(data_dir)
    )
    preprocess = _normalize_contrast if dataset == "cifar10" else _standardize
    x_train, x_test = preprocess(x_train, x_test)
    classes = int(max(y_train.max(), y_test.max())) + 1
    return Pictures(dataset, x_train, y_train, x_test, y_test, classes)


def global_contrast_normalization(pictures: np.ndarray) -> np.ndarray:
    """Returns the pictures, each with mean 0 and standard deviation 1.

    Goodfellow, Bengio & Courville 2016, "Deep learning", eq. 12.3, with s = 1 and
    lambda = 0.

    Args:
        pictures: Pictures [n, height, width, channels].

    Returns:
        Pictures of the same shape, float32. A picture of one colour becomes zero.
    """
    axes = (1, 2, 3)
    mean = pictures.mean(axis=axes, keepdims=True, dtype=np.float64)
    # In float32 from here on, in place: CIFAR-10's training pictures take 0.6 GB.
    normalized = pictures.astype(np.float32)
    normalized -= mean.astype(np.float32)
    squares = np.einsum("nhwc,nhwc->n", normalized, normalized)
    contrast = np.sqrt(squares / np.prod(pictures.shape[1:]))
    normalized /= np.maximum(contrast, SMALLEST_CONTRAST)[:, None, None, None]
    return normalized


def _normalize_contrast(
    x_train: np.ndarray, x_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    train, test = map(global_contrast_normalization, (x_train, x_test))
    mean_picture = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    train -= mean_picture
    test -= mean_picture
    return train, test


def _standardize(
    x_train: np.ndarray, x_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # The result is the same for pixels from 0 to 1 and from 0 to 255.
    mean, deviation = x_train.mean(dtype=np.float64), x_train.std(dtype=np.float64)
    if deviation == 0:
        raise ValueError(
            f"The pixels of the pictures must differ. Received: {mean} everywhere"
        )
    train, test = ((x - mean) / deviation for x in (x_train, x_test))
    return train.astype(np.float32), test.astype(np.float32)


def _digits(data_dir: Path | None) -> Split:
    if data_dir is not None:
        raise ValueError(
            f"`data_dir` must be given with {' or '.join(NEEDED_FILES)} only, as the "
            "digits come with scikit-learn. Received: dataset='digits', "
            f"data_dir={str(data_dir)!r}"
        )
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "dataset='digits' comes with scikit-learn, which is not installed: "
            "pip install 'deepxor[images]'"
        ) from error
    x, y = load_digits(return_X_y=True)
    pictures, y = x.reshape(-1, 8, 8, 1), y.astype(np.int64)
    is_test = _every_fifth_of_a_class(y)
    return pictures[~is_test], y[~is_test], pictures[is_test], y[is_test]


def _every_fifth_of_a_class(y: np.ndarray) -> np.ndarray:
    """Returns which pictures are the last of five of the same class, bool [n]."""
    is_test = np.zeros(len(y), bool)
    for label in np.unique(y):
        places = np.flatnonzero(y == label)
        is_test[places[DIGITS_TEST_SHARE - 1 :: DIGITS_TEST_SHARE]] = True
    return is_test


def _cifar10(data_dir: Path | None) -> Split:
    return _downloaded("cifar10") if data_dir is None else read_cifar10(data_dir)


def _fashion_mnist(data_dir: Path | None) -> Split:
    if data_dir is None:
        return _downloaded("fashion_mnist")
    return read_fashion_mnist(data_dir)


def _downloaded(dataset: str) -> Split:
    import keras

    try:
        train, test = getattr(keras.datasets, dataset).load_data()
    except Exception as error:  # Keras raises an `Exception` and no subclass
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DownloadError(
            f"dataset={dataset!r} cannot be downloaded ({reason}): put "
            f"{NEEDED_FILES[dataset]} into a folder and name it with --data_dir"
        ) from error
    return *_with_channels(*train), *_with_channels(*test)


def _with_channels(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pictures = x if x.ndim == 4 else x[..., None]
    return pictures, y.ravel().astype(np.int64)


DATASETS: dict[str, Callable[[Path | None], Split]] = {
    "digits": _digits,
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
}
