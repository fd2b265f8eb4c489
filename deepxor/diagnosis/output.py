"""What a history knows of one output of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# Losses of Keras that cannot be negative, if the targets are what they are made for.
NON_NEGATIVE = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "hinge",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "sparse_categorical_crossentropy",
    "squared_hinge",
)

# Losses of numbers.
OF_NUMBERS = (
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
)


@dataclass(frozen=True)
class Output:
    """Holds what is known of an output; a number is NaN where nothing is known.

    Attributes:
        name: The name of the output.
        layer: The layer that makes it; None if that is not known.
        activation: Keras's name of its activation, "linear" without one; None if it is
            not known.
        units: The number of predictions a sample, or a position; None if not known.
        loss: Keras's name of its loss; None if it is not Keras's own.
        from_logits: Whether the loss takes logits; None if that makes no difference.
        dropout: The rate of a dropout that comes after the layer; None without one.
        skill: How much better the predictions of the window are than a constant.
        samples: The number of samples of the window.
        own_loss: The median loss of the predictions themselves over the window. It is
            not the one that is trained on if Keras computes that from something else.
        constant_loss: The median loss of the best constant over the window.
        low: The smallest target of all records.
        high: The largest target of all records.
        mean: The mean of the targets.
        spread: The spread of the targets over the samples.
        whole: The share of whole numbers among the targets.
        distinct: The largest number of different targets in a record.
        non_finite: The largest share of targets that are NaN or infinite.
        lowest: The smallest prediction of the window.
        highest: The largest prediction of the window.
        predicted_spread: The spread of the predictions over the samples of the window.
    """

    name: str
    layer: str | None
    activation: str | None
    units: int | None
    loss: str | None
    from_logits: bool | None
    dropout: float | None
    skill: float
    samples: int
    own_loss: float
    constant_loss: float
    low: float
    high: float
    mean: float
    spread: float
    whole: float
    distinct: float
    non_finite: float
    lowest: float
    highest: float
    predicted_spread: float

    @property
    def is_crossentropy(self) -> bool:
        """Whether its loss is a crossentropy of any kind."""
        return "crossentropy" in (self.loss or "")

    @property
    def is_regression(self) -> bool:
        """Whether its loss is one of numbers, and its targets are no one-hot labels."""
        return self.loss in OF_NUMBERS and not self.is_binary

    @property
    def is_binary(self) -> bool:
        """Whether all targets are 0 or 1."""
        return self.low >= 0 and self.high <= 1 and self.whole == 1

    @property
    def scale(self) -> float:
        """The root mean square of the targets."""
        return float(np.hypot(self.mean, self.spread))

    def targets_say(self) -> str:
        """Returns a clause on the range of the targets."""
        return f"the targets go from {self.low:.3g} to {self.high:.3g}"


def outputs_of(history: Mapping[str, Any], window: np.ndarray) -> list[Output]:
    """Returns what a history knows of each output.

    Args:
        history: `GradientMonitor.history`.
        window: Whether each record is in the window, bool [records].
    """
    static = history.get("model", {}).get("outputs", {})
    return [
        _output(history, window, number, name, static.get(name, {}))
        for number, name in enumerate(history.get("output", []))
    ]


def _output(
    history: Mapping[str, Any],
    window: np.ndarray,
    number: int,
    name: str,
    static: Mapping[str, Any],
) -> Output:
    def values(fact: str, rows: Any = slice(None)) -> np.ndarray:
        column = np.asarray(history[fact])[rows, number]
        return column[~np.isnan(column)]

    def of(reduce: Any, fact: str, rows: Any = slice(None)) -> float:
        known = values(fact, rows)
        return float(reduce(known)) if len(known) else float("nan")

    skill, samples = pooled_skill(history, window, number)
    keys = ("layer", "activation", "units", "loss", "from_logits", "dropout")
    return Output(
        name,
        **{key: static.get(key) for key in keys},
        skill=skill,
        samples=samples,
        own_loss=of(np.median, "prediction_loss", window),
        constant_loss=of(np.median, "constant_loss", window),
        low=of(np.min, "target_min"),
        high=of(np.max, "target_max"),
        mean=of(np.mean, "target_mean"),
        spread=of(np.mean, "target_spread"),
        whole=of(np.min, "target_whole"),
        distinct=of(np.max, "target_distinct"),
        non_finite=of(np.max, "target_non_finite"),
        lowest=of(np.min, "prediction_min", window),
        highest=of(np.max, "prediction_max", window),
        predicted_spread=of(np.median, "prediction_spread", window),
    )


def pooled_skill(
    history: Mapping[str, Any], window: np.ndarray, number: int
) -> tuple[float, int]:
    """Returns the skill of an output over the samples of several records together.

    Args:
        history: `GradientMonitor.history`.
        window: Whether each record counts, bool [records].
        number: The index of the output.

    Returns:
        1 minus the ratio of the sum of the losses to that of the best constants; and
        the number of samples.
    """
    rows = [
        np.asarray(history[name])[window, number]
        for name in ("prediction_loss", "constant_loss", "output_samples")
    ]
    known = np.isfinite(rows[0]) & np.isfinite(rows[1])
    losses, constants, samples = (row[known] for row in rows)
    total = (samples * constants).sum()
    if not total > 0:
        return float("nan"), 0
    return float(1 - (samples * losses).sum() / total), int(samples.sum())
