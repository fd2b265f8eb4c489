"""The tasks of the diagnosis benchmark: small data sets, which are made with NumPy.

A task's data depend on its name alone, so that all its models see the same data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize_scalar

Arrays = tuple[np.ndarray, np.ndarray]

SAMPLES = 512
TOKENS = 200


@dataclass(frozen=True)
class Task:
    """A data set to learn.

    Attributes:
        make: Takes a generator and returns inputs [samples, ...] and targets, which are
            float32 [samples, outputs], or classes as int [samples].
        loss: The models' loss: "bce", "ce", "mse", "mae", "huber", "poisson" or
            "cosine".
        outputs: The number of units of a model's last layer.
    """

    make: Callable[[Generator], Arrays]
    loss: str
    outputs: int = 1

    def data(self) -> Arrays:
        """Returns inputs and targets, which are the same every time."""
        return self.make(np.random.default_rng(0))


def best_constant_loss(loss: str, y: np.ndarray) -> float:
    """Returns the lowest loss of a model whose output ignores the input.

    Args:
        loss: A loss as in `Task`; "bce" and "ce" are in nats.
        y: Targets as in `Task`.

    Returns:
        The mean over the samples and over the outputs.

    Raises:
        ValueError: If there is no such loss.
    """
    y = np.asarray(y, np.float64)
    if loss == "ce":
        share = np.bincount(y.astype(int)) / len(y)
        return float(-np.sum(share * np.log(share)))
    mean = y.mean(axis=0)
    if loss == "bce":
        return float(-np.mean(mean * np.log(mean) + (1 - mean) * np.log1p(-mean)))
    if loss == "mse":
        return float(y.var(axis=0).mean())
    if loss == "mae":
        return float(np.abs(y - np.median(y, axis=0)).mean())
    if loss == "huber":
        return float(np.mean([_best_constant_huber(column) for column in y.T]))
    if loss == "poisson":
        return float(np.mean(mean - mean * np.log(mean)))
    if loss == "cosine":
        return -float(np.linalg.norm(np.mean(y / _norms(y), axis=0)))
    allowed = "bce, ce, mse, mae, huber, poisson or cosine"
    raise ValueError(f"`loss` must be one of {allowed}. Received: loss={loss!r}")


def _best_constant_huber(y: np.ndarray) -> float:
    def huber(constant: float) -> float:
        error = np.abs(y - constant)
        return float(np.where(error < 1, error**2 / 2, error - 0.5).mean())

    return float(minimize_scalar(huber, bounds=(y.min(), y.max())).fun)


def _norms(x: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.linalg.norm(x, axis=-1, keepdims=True)
    return norms


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None]


# --- Points in a few dimensions -----------------------------------------------------


def xor(rng: Generator) -> Arrays:
    """Returns the truth table 64 times."""
    x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), (64, 1))
    return x, _column(x.sum(axis=1) == 1)


def checker(rng: Generator) -> Arrays:
    """Returns two numbers and the XOR of their signs."""
    x = rng.uniform(-1, 1, (SAMPLES, 2)).astype(np.float32)
    return x, _column(x[:, 0] * x[:, 1] > 0)


def rings(rng: Generator, flipped: float = 0.0) -> Arrays:
    """Returns points on two rings, with a share of the labels flipped."""
    label = rng.integers(2, size=SAMPLES)
    angle = rng.uniform(0, 2 * np.pi, SAMPLES)
    radius = 0.5 + label + rng.normal(0, 0.12, SAMPLES)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x.astype(np.float32), _column(label ^ (rng.random(SAMPLES) < flipped))


def moons(rng: Generator) -> Arrays:
    """Returns points on two half moons, one in the other."""
    label = rng.integers(2, size=SAMPLES)
    angle = rng.uniform(0, np.pi, SAMPLES)
    side = 1 - 2 * label
    x = np.stack([side * np.cos(angle) + label, side * np.sin(angle) + label / 2])
    return (x.T + rng.normal(0, 0.1, (SAMPLES, 2))).astype(np.float32), _column(label)


def rare(rng: Generator) -> Arrays:
    """Returns points of which one in 16 lies beyond a sphere."""
    x = rng.normal(size=(SAMPLES, 4)).astype(np.float32)
    radius = _norms(x)
    return x, (radius > np.quantile(radius, 15 / 16)).astype(np.float32)


def spirals(rng: Generator) -> Arrays:
    """Returns points on the three arms of a spiral."""
    label = rng.integers(3, size=SAMPLES)
    radius = rng.uniform(0.1, 1, SAMPLES)
    angle = 4 * radius + label * 2 * np.pi / 3 + rng.normal(0, 0.1, SAMPLES)
    x = 2 * np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x.astype(np.float32), label


def blobs(rng: Generator) -> Arrays:
    """Returns points of eight classes in ten dimensions.

    The unit is their standard deviation.
    """
    centres = rng.normal(size=(8, 10))
    label = rng.integers(8, size=SAMPLES)
    x = centres[label] + rng.normal(0, 0.5, (SAMPLES, 10))
    return (x / x.std()).astype(np.float32), label


def faint_line(rng: Generator) -> Arrays:
    """Returns points and labels that a line tells a little more often than not."""
    x = rng.normal(size=(SAMPLES, 4)).astype(np.float32)
    share = 1 / (1 + np.exp(-1.5 * (x[:, 0] - x[:, 1])))
    return x, _column(rng.random(SAMPLES) < share)


def faint_blobs(rng: Generator) -> Arrays:
    """Returns points of six classes that lie over each other for the most part."""
    centres = rng.normal(size=(6, 4))
    label = rng.integers(6, size=SAMPLES)
    x = centres[label] + rng.normal(0, 1.2, (SAMPLES, 4))
    return (x / x.std()).astype(np.float32), label


def random_labels(rng: Generator) -> Arrays:
    """Returns inputs and labels that have nothing to do with them."""
    x = rng.normal(size=(SAMPLES, 10)).astype(np.float32)
    return x, _column(rng.integers(2, size=SAMPLES))


# --- Numbers to predict -------------------------------------------------------------


def sine(rng: Generator) -> Arrays:
    """Returns one number and a sine of it."""
    x = rng.uniform(-1, 1, (SAMPLES, 1)).astype(np.float32)
    return x, np.sin(4 * x)


def friedman(rng: Generator, noise: float = 0.0) -> Arrays:
    """Returns five numbers and Friedman's first function (1991) of them.

    The function is standardised before noise is added.
    """
    x = rng.uniform(0, 1, (SAMPLES, 5))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4]
    y = (y - y.mean()) / y.std() + rng.normal(0, noise, SAMPLES)
    return (2 * x - 1).astype(np.float32) * 1.7, _column(y)


def plane(rng: Generator) -> Arrays:
    """Returns ten numbers and three linear functions of them with a little noise."""
    x = rng.normal(size=(SAMPLES, 10))
    y = x @ rng.normal(size=(10, 3)) / np.sqrt(10) + rng.normal(0, 0.1, (SAMPLES, 3))
    return x.astype(np.float32), y.astype(np.float32)


def counts(rng: Generator) -> Arrays:
    """Returns two numbers and counts whose mean depends on them."""
    x = rng.uniform(-1, 1, (SAMPLES, 2)).astype(np.float32)
    return x, _column(rng.poisson(np.exp(1 + np.sin(3 * x[:, 0]) + x[:, 1])))


def directions(rng: Generator) -> Arrays:
    """Returns four numbers and unit vectors that depend on them."""
    x = rng.normal(size=(SAMPLES, 4))
    y = np.tanh(x @ rng.normal(size=(4, 3)))
    return x.astype(np.float32), (y / _norms(y)).astype(np.float32)


def low_rank(rng: Generator) -> Arrays:
    """Returns 16 numbers that are functions of three, as inputs and as targets."""
    x = np.tanh(rng.normal(size=(SAMPLES, 3)) @ rng.normal(size=(3, 16)))
    x = x.astype(np.float32)
    return x, x


# --- Pictures, 8 x 8 x 1 ------------------------------------------------------------


def bars(rng: Generator) -> Arrays:
    """Returns pictures of noise with one bright row or one bright column."""
    label, place = rng.integers(2, size=SAMPLES), rng.integers(8, size=SAMPLES)
    x = rng.normal(0, 0.3, (SAMPLES, 8, 8, 1))
    for picture, is_row, i in zip(x, label, place, strict=True):
        (picture if is_row else picture.swapaxes(0, 1))[i] += 1
    return x.astype(np.float32), _column(label)


def glyphs(rng: Generator) -> Arrays:
    """Returns ten random pictures of black and white, shifted a little and noisy."""
    shapes = rng.integers(2, size=(10, 8, 8, 1)) - 0.5
    label = rng.integers(10, size=SAMPLES)
    shift = rng.integers(2, size=SAMPLES)
    x = np.stack([np.roll(shapes[k], s, 1) for k, s in zip(label, shift, strict=True)])
    return (2 * x + rng.normal(0, 0.4, x.shape)).astype(np.float32), label


# --- Sequences, [steps, 1], or tokens -----------------------------------------------


def recall(rng: Generator, steps: int, noise: float = 0.0) -> Arrays:
    """Returns sequences and the signs of their first numbers.

    After the first number a sequence is zero, or noise.
    """
    x = rng.normal(0, 1, (SAMPLES, steps, 1)) * noise
    x[:, 0] = rng.choice([-1, 1], (SAMPLES, 1))
    return x.astype(np.float32), (x[:, 0] > 0).astype(np.float32)


def waves(rng: Generator, steps: int) -> Arrays:
    """Returns sines of three frequencies."""
    label = rng.integers(3, size=SAMPLES)
    time = np.arange(steps)[None, :] / steps
    phase = rng.uniform(0, 2 * np.pi, (SAMPLES, 1))
    x = np.sin(2 * np.pi * (2 + 2 * label[:, None]) * time + phase)
    x += rng.normal(0, 0.1, x.shape)
    return x[:, :, None].astype(np.float32), label


def means(rng: Generator, steps: int) -> Arrays:
    """Returns sequences and their means, standardised."""
    x = rng.normal(0, 1, (SAMPLES, steps, 1)) + rng.normal(0, 1, (SAMPLES, 1, 1))
    y = x.mean(axis=1)
    return x.astype(np.float32), (y / y.std()).astype(np.float32)


def tokens(rng: Generator) -> Arrays:
    """Returns sentences of 12 tokens, of four classes.

    The tokens of each class are from its own fifth of the vocabulary, or from the fifth
    that all share.
    """
    label = rng.integers(4, size=SAMPLES)
    own = rng.integers(TOKENS // 5, size=(SAMPLES, 12)) + label[:, None] * TOKENS // 5
    shared = rng.integers(TOKENS // 5, size=(SAMPLES, 12)) + 4 * TOKENS // 5
    return np.where(rng.random((SAMPLES, 12)) < 0.4, own, shared), label


TASKS = {
    "xor": Task(xor, "bce"),
    "checker": Task(checker, "bce"),
    "rings": Task(rings, "bce"),
    "flipped_rings": Task(partial(rings, flipped=0.3), "bce"),
    "moons": Task(moons, "bce"),
    "rare": Task(rare, "bce"),
    "spirals": Task(spirals, "ce", 3),
    "blobs": Task(blobs, "ce", 8),
    "faint_line": Task(faint_line, "bce"),
    "faint_blobs": Task(faint_blobs, "ce", 6),
    "faint_friedman": Task(partial(friedman, noise=2.0), "mse"),
    "random_labels": Task(random_labels, "bce"),
    "sine": Task(sine, "mse"),
    "friedman": Task(friedman, "mse"),
    "noisy_friedman": Task(partial(friedman, noise=1.5), "mse"),
    "plane": Task(plane, "mse", 3),
    "counts": Task(counts, "poisson"),
    "directions": Task(directions, "cosine", 3),
    "low_rank": Task(low_rank, "mse", 16),
    "bars": Task(bars, "bce"),
    "glyphs": Task(glyphs, "ce", 10),
    "recall_10": Task(partial(recall, steps=10), "bce"),
    "recall_40": Task(partial(recall, steps=40), "bce"),
    "noisy_recall_60": Task(partial(recall, steps=60, noise=1.0), "bce"),
    "waves_24": Task(partial(waves, steps=24), "ce", 3),
    "waves_60": Task(partial(waves, steps=60), "ce", 3),
    "means_20": Task(partial(means, steps=20), "mse"),
    "means_50": Task(partial(means, steps=50), "mse"),
    "tokens": Task(tokens, "ce", 4),
}


@cache
def task_data(name: str) -> Arrays:
    """Returns a task's inputs and targets, which nobody may change.

    They are made once.
    """
    return TASKS[name].data()
