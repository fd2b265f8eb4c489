"""The data sets of the programs: small, and the same every time."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

Arrays = tuple[np.ndarray, np.ndarray]


def digits(scale: float = 1.0, is_flat: bool = True, count: int = 900) -> Arrays:
    """Returns handwritten digits, from 0 to `scale`, and their classes."""
    pictures, classes = load_digits(return_X_y=True)
    x = (pictures[:count] / 16 * scale).astype(np.float32)
    return (x if is_flat else x.reshape(-1, 8, 8, 1)), classes[:count]


def table(count: int = 600) -> Arrays:
    """Returns eight columns of patients, of their usual scale, and who is ill."""
    rng = np.random.default_rng(1)
    normal = rng.normal(size=(count, 8))
    means = np.array([4, 120, 70, 20, 80, 32, 0.5, 33])
    deviations = np.array([3, 30, 12, 15, 100, 7, 0.3, 11])
    risk = normal[:, 1] + 0.7 * normal[:, 5] + 0.5 * normal[:, 7]
    ill = (risk + rng.normal(0, 0.3, count) > 0.3).astype(int)
    return (normal * deviations + means).astype(np.float32), ill


def scaled(x: np.ndarray) -> np.ndarray:
    """Returns columns of mean 0 and standard deviation 1."""
    found: np.ndarray = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    return found


def houses(count: int = 600) -> Arrays:
    """Returns five standardized columns, and prices of about 300,000."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(count, 5)).astype(np.float32)
    price = 300_000 + 80_000 * (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] - 0.4 * x[:, 3])
    return x, price[:, None].astype(np.float32)


def flowers(count: int = 450) -> Arrays:
    """Returns four measures of flowers in centimetres, and three species."""
    rng = np.random.default_rng(3)
    species = rng.integers(3, size=count)
    centres = np.array([[5, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3, 5.5, 2]])
    x = centres[species] + rng.normal(0, [0.4, 0.3, 0.3, 0.2], (count, 4))
    return x.astype(np.float32), species


def series(count: int = 400, steps: int = 16) -> Arrays:
    """Returns windows of a noisy signal, and the temperature after each, in degrees.

    The temperatures are from about -15 to 15.
    """
    rng = np.random.default_rng(4)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    time = np.arange(steps + 1)[None, :]
    wave = np.sin(0.5 * time + phase) + rng.normal(0, 0.05, (count, steps + 1))
    x, y = wave[:, :steps, None], 10 * wave[:, steps:]
    return x.astype(np.float32), y.astype(np.float32)


def one_hot(classes: np.ndarray) -> np.ndarray:
    """Returns classes as rows with a single 1."""
    return np.eye(classes.max() + 1, dtype=np.float32)[classes]
