"""Measures the facts of targets, predictions and inputs; see `deepxor.facts`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS
from deepxor.monitor.measure.skill import Score

# The most different targets that are counted.
MAX_DISTINCT = 100


def output_facts(
    targets: np.ndarray, predictions: np.ndarray, score: Score, skill: float
) -> np.ndarray:
    """Returns the facts of an output.

    Args:
        targets: [samples, ...].
        predictions: [samples, ...].
        score: The score of the record's own samples.
        skill: The skill over at least so many samples as it takes.

    Returns:
        float64, in the order of `OUTPUT_FACTS`; NaN for what is not known.
    """
    wanted = _finite(targets.astype(np.float64))
    given = _finite(predictions.astype(np.float64))
    known = wanted[~np.isnan(wanted)]
    found = {
        "output_skill": skill,
        "prediction_loss": score.loss,
        "constant_loss": score.constant_loss,
        "output_samples": score.samples,
        "target_min": _over(np.nanmin, wanted),
        "target_max": _over(np.nanmax, wanted),
        "target_mean": _over(np.nanmean, wanted),
        "target_spread": _spread(wanted),
        "target_whole": float(
            (known == np.rint(known)).mean() if len(known) else np.nan
        ),
        "target_distinct": min(len(np.unique(known)), MAX_DISTINCT),
        "target_non_finite": float(np.isnan(wanted).mean()),
        "prediction_min": _over(np.nanmin, given),
        "prediction_max": _over(np.nanmax, given),
        "prediction_spread": _spread(given),
    }
    return np.array([found[fact.name] for fact in OUTPUT_FACTS], np.float64)


def input_facts(inputs: tf.Tensor) -> tf.Tensor:
    """Returns the facts of a layer's inputs, inside the step.

    Args:
        inputs: [samples, ...], numbers of any type.

    Returns:
        float32, in the order of `INPUT_FACTS`; NaN for what is not known.
    """
    values = tf.cast(inputs, tf.float32)
    is_finite = tf.math.is_finite(values)
    values = tf.where(is_finite, values, 0.0)
    share = tf.reduce_mean(tf.cast(is_finite, tf.float32))
    # Squares of large numbers overflow, so the largest is taken out of them.
    largest = tf.reduce_max(tf.abs(values))
    scale = tf.where(largest > 0, largest, 1.0)
    mean_square = tf.reduce_mean(tf.square(values / scale)) / share
    found = {
        "input_mean": scale * tf.reduce_mean(values / scale) / share,
        "input_rms": scale * tf.sqrt(mean_square),
        "input_max": largest,
        "input_non_finite": 1 - share,
    }
    return tf.stack([found[fact.name] for fact in INPUT_FACTS])


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _over(reduce: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
    return float("nan") if np.isnan(values).all() else float(reduce(values))


def _spread(values: np.ndarray) -> float:
    """Returns the standard deviation over the samples, root mean square over the rest.

    If a number is not known, the sample's number does not count.
    """
    if np.isnan(values).all():
        return float("nan")
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0)
    mean = filled.sum(axis=0) / count
    variance = (np.where(known, values - mean, 0) ** 2).sum(axis=0) / count
    return float(np.sqrt(variance.mean()))
