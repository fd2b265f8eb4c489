"""Causes in the output activation and the loss, which do not fit the targets."""

from __future__ import annotations

from collections.abc import Callable

from deepxor.diagnosis.causes.cause import Found
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.output import Output
from deepxor.diagnosis.thresholds import THRESHOLDS

# What the values of an output activation lie between.
RANGES: dict[str, tuple[float, float]] = {
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, float("inf")),
    "exponential": (0.0, float("inf")),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}

PROBABILITIES = ("sigmoid", "hard_sigmoid", "softmax")


def of_any(
    find: Callable[[Output], Found | None],
) -> Callable[[Evidence], Found | None]:
    """Returns a function of the evidence that looks for something in every output.

    Args:
        find: A function of an output.
    """

    def find_in_any(evidence: Evidence) -> Found | None:
        found = (find(output) for output in evidence.outputs)
        return next((one for one in found if one is not None), None)

    return find_in_any


def softmax_of_one_unit(output: Output) -> Found | None:
    """Finds a softmax over a single unit, which is 1 whatever the inputs are."""
    if output.activation != "softmax" or output.units != 1:
        return None
    return Found(
        f"The output activation of {output.layer or output.name} is a softmax over one "
        f"unit, which is always 1: the predictions go from {output.lowest:.3g} to "
        f"{output.highest:.3g}, while {output.targets_say()}."
    )


def outside_of_range(output: Output) -> Found | None:
    """Finds targets that the output activation cannot reach."""
    if output.activation not in RANGES or not output.spread >= 0:
        return None
    if (output.loss or "").startswith("sparse_"):
        return None  # the targets are numbers of classes
    low, high = RANGES[output.activation]
    span = max(output.high - output.low, abs(output.high), 1e-12)
    below, above = low - output.low, output.high - high
    if max(below, above) <= THRESHOLDS.beyond * span:
        return None
    ends = f"above {low:g}" if high == float("inf") else f"between {low:g} and {high:g}"
    return Found(
        f"The output activation {output.activation} gives values {ends}, but "
        f"{output.targets_say()}."
    )


def logits_as_probabilities(output: Output) -> Found | None:
    """Finds an output that is no probability under a loss that takes it for one."""
    if not output.is_crossentropy or output.from_logits is not False:
        return None
    if output.activation is None or output.activation in PROBABILITIES:
        return None
    last = "sigmoid" if "binary" in (output.loss or "") else "softmax"
    return Found(
        f"{output.loss} takes probabilities, but the output activation of "
        f"{output.layer or output.name} is {output.activation}: the predictions go "
        f"from {output.lowest:.3g} to {output.highest:.3g}.",
        f"Use {last} as the output activation, or pass the loss function with "
        "from_logits=True.",
    )


def probabilities_as_logits(output: Output) -> Found | None:
    """Finds a probability under a loss that takes it for a logit."""
    if output.from_logits is not True or output.activation not in PROBABILITIES:
        return None
    return Found(
        f"{output.loss} has from_logits=True, but the output activation of "
        f"{output.layer or output.name} is {output.activation}, so that it is applied "
        "twice."
    )


def sigmoid_for_one_of_many(output: Output) -> Found | None:
    """Finds sigmoid units under a loss that takes them for shares of one whole."""
    if output.loss not in (
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    ):
        return None
    if output.activation not in ("sigmoid", "hard_sigmoid", "tanh", "relu"):
        return None
    if output.from_logits is not False:
        return None
    return Found(
        f"{output.loss} takes probabilities that add up to 1, but the output "
        f"activation of {output.layer or output.name} is {output.activation}."
    )


def crossentropy_of_numbers(output: Output) -> Found | None:
    """Finds crossentropy on targets that are neither labels nor probabilities."""
    if not output.is_crossentropy or (output.loss or "").startswith("sparse_"):
        return None
    if not (output.low < 0 or output.high > 1):
        return None
    remedy = None
    if output.whole == 1 and 2 < output.distinct <= THRESHOLDS.classes:
        remedy = (
            f"For {output.distinct:.0f} classes use as many units with softmax, and "
            "sparse_categorical_crossentropy as the loss function."
        )
    return Found(
        f"{output.loss} is made for labels from 0 to 1, but {output.targets_say()}.",
        remedy,
    )


def signs_as_labels(output: Output) -> Found | None:
    """Finds labels of -1 and 1 under a crossentropy."""
    if not output.is_crossentropy or output.distinct != 2:
        return None
    if (output.low, output.high) != (-1, 1):
        return None
    return Found(f"{output.loss} is made for labels of 0 and 1; these are -1 and 1.")


def classes_outside(output: Output) -> Found | None:
    """Finds numbers of classes for which there is no unit."""
    if not (output.loss or "").startswith("sparse_") or output.units is None:
        return None
    if not (output.low < 0 or output.high >= output.units):
        return None
    return Found(
        f"{output.layer or output.name} has {output.units} units, for the labels 0 to "
        f"{output.units - 1}, but {output.targets_say()}."
    )


def one_class_of_one(output: Output) -> Found | None:
    """Finds crossentropy over the classes of a single unit, which is always 0."""
    if output.loss != "categorical_crossentropy" or output.units != 1:
        return None
    return Found(
        "categorical_crossentropy compares classes, but the output has one unit: its "
        "loss is 0 whatever the prediction."
    )


def numbers_for_classes(output: Output) -> Found | None:
    """Finds a loss of numbers on one-hot labels or on the numbers of classes."""
    if output.loss not in ("mean_squared_error", "mean_absolute_error"):
        return None
    if output.activation == "softmax" and output.units != 1:
        return Found(
            f"The loss {output.loss} hardly pulls a softmax away from a wrong answer.",
            "Use categorical_crossentropy as the loss function.",
        )
    if output.is_binary and output.activation in ("sigmoid", "hard_sigmoid"):
        return Found(
            f"The targets are 0 or 1, and the loss {output.loss} hardly pulls a "
            "sigmoid away from a wrong answer.",
            "Use binary_crossentropy as the loss function.",
        )
    return None
