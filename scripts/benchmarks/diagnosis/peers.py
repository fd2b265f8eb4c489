"""The rules of other tools, on the histories that `deepxor.GradientMonitor` records.

Each set of rules is a function of a history alone that returns a kind of fault, or
"healthy". A history has layers where the tools look at tensors, and records where they
look at every step or epoch. Where a history lacks what a tool reads, the docstring says
what takes its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deepxor.verdicts import DEAD, EXPLODING, HEALTHY, SATURATED, VANISHING

# The verdict that a model does not learn, without a kind of fault.
SLOW = "slow"

History = Mapping[str, Any]

# Some tools look at an accuracy, which a history does not have. In its place, a model
# has learned if the mean loss of so many of the latest records is below this share of
# the first loss.
LEARNED_SHARE = 0.5
RECENT = 5


def sagemaker(history: History) -> str:
    """Returns the verdict of SageMaker Debugger's built-in rules at their defaults.

    ExplodingTensor (NaN or infinite), DeadRelu (more than 50 % of a layer's units
    inactive), SaturatedActivation (more than 50 % of a layer's nodes),
    WeightUpdateRatio (above 10, called exploding here, or below 1e-8, vanishing) and
    VanishingGradient (mean absolute gradient below 1e-7). Each rule fires at whatever
    step it holds. SaturatedActivation reads inputs of tanh beyond 9.5; here it reads
    slopes below 5 % of the largest.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html
    """
    if _is_not_finite(history):
        return EXPLODING
    if _any(history["dead_fraction"] > 0.5):
        return DEAD
    if _any(history["saturated_fraction"] > 0.5):
        return SATURATED
    if _any(history["update_ratio"] > 10):
        return EXPLODING
    if _any(history["mean_abs"] < 1e-7) or _any(history["update_ratio"] < 1e-8):
        return VANISHING
    return HEALTHY


def sagemaker_gradients(history: History) -> str:
    """Returns the verdict of the two rules of SageMaker Debugger on gradients alone.

    VanishingGradient fires at a mean absolute gradient below 1e-7, and ExplodingTensor
    at NaN or infinity.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/vanishing-gradient.html
    """
    if _is_not_finite(history):
        return EXPLODING
    return VANISHING if _any(history["mean_abs"] < 1e-7) else HEALTHY


def autotrainer(history: History) -> str:
    """Returns the verdict of AutoTrainer, at its defaults.

    NaN is exploding. A model that does not converge is dead if at least 70 % of all
    gradient elements are zero; exploding if the first layer's norm is over 70 times the
    last layer's; vanishing if it is under 1e-3 of it and under 1e-4; and else slow. The
    tool asks for an accuracy of 60 % or more; here the rules ask for a loss below half
    of the first.

    Source: Zhang, Zhai, Ma, Shen: AUTOTRAINER, ICSE 2021; its utils/monitor.py.
    """
    if _is_not_finite(history):
        return EXPLODING
    if _has_learned(history):
        return HEALTHY
    # Layers are weighted alike: their sizes are not in the history.
    if _any(history["zero_fraction"].mean(axis=1) >= 0.7):
        return DEAD
    first, last = history["norm"][:, 0], history["norm"][:, -1]
    if _any(first > 70 * last):
        return EXPLODING
    if _any((first < 1e-3 * last) & (first < 1e-4)):
        return VANISHING
    return SLOW


def deepdiagnosis(history: History) -> str:
    """Returns the verdict of DeepDiagnosis, at its defaults.

    The tool looks, in this order, for at least 70 % of a layer's outputs not above zero
    in the last epoch (dead); more than half of a layer's inputs beyond +-5 (saturated);
    NaN or infinity (exploding); a loss that stays the same for five records (slow); and
    a mean absolute gradient below 1e-7 (vanishing). Here dead units take the place of
    outputs not above zero, and slopes below 5 % of the largest that of inputs beyond
    +-5.

    Source: Wardat, Cruz, Le, Rajan: DeepDiagnosis, ICSE 2022; its callbacks.py.
    """
    if _any(history["dead_fraction"][-1:] >= 0.7):
        return DEAD
    if _any(history["saturated_fraction"][4::5] > 0.5):
        return SATURATED
    if _is_not_finite(history):
        return EXPLODING
    blocks = [history["loss"][i : i + 5] for i in range(0, len(history["loss"]) - 4, 5)]
    if any(np.ptp(block) == 0 for block in blocks):
        return SLOW
    return VANISHING if _any(history["mean_abs"] < 1e-7) else HEALTHY


def thedeepchecker(history: History) -> str:
    """Returns the verdict of TheDeepChecker, at its defaults.

    A model is exploding with NaN or infinity, with a mean absolute gradient above 1e6
    or one that has at least doubled from record to record four times in a row, or with
    updates above 1e-1 of the weights. It is vanishing with a mean absolute gradient
    below 1e-6 or one that has halved four times in a row, or with updates below 1e-4 of
    the weights. It is dead if over half of a layer's units are below 1e-5 in 95 % of
    the samples, and saturated if over half of them are saturated. The tool measures
    saturation by a histogram of outputs; here the rules read the fraction of saturated
    units.

    Source: Ben Braiek, Khomh: Testing Feedforward Neural Networks Training Programs,
    TOSEM 2023; its hooks.py.
    """
    gradient = history["mean_abs"]
    if _is_not_finite(history) or _any(gradient > 1e6):
        return EXPLODING
    if _any(history["dead_fraction"] > 0.5):
        return DEAD
    if _any(history["saturated_fraction"] > 0.5):
        return SATURATED
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        ratios = gradient[1:] / gradient[:-1]
        updates = np.log10(history["update_ratio"])
    if _in_a_row(ratios >= 2, 4) or _any(updates > -1):
        return EXPLODING
    is_small = _any(gradient < 1e-6) or _any(updates < -4)
    return VANISHING if is_small or _in_a_row(ratios <= 0.5, 4) else HEALTHY


def loss_curve(history: History) -> str:
    """Returns the verdict of a baseline that looks at nothing but the loss.

    A loss that is not finite, or above ten times the first, is exploding. A loss below
    half of the first is healthy. Every other loss is called vanishing, the kind of
    fault that is most often meant.
    """
    loss = history["loss"]
    if not np.isfinite(loss).all() or loss[-1] > 10 * abs(loss[0]):
        return EXPLODING
    return HEALTHY if _has_learned(history) else VANISHING


PEERS: dict[str, Callable[[History], str]] = {
    "SageMaker Debugger": sagemaker,
    "SageMaker, gradients only": sagemaker_gradients,
    "AutoTrainer": autotrainer,
    "DeepDiagnosis": deepdiagnosis,
    "TheDeepChecker": thedeepchecker,
    "loss curve only": loss_curve,
}


def _any(condition: np.ndarray) -> bool:
    return bool(np.any(condition))


def _is_not_finite(history: History) -> bool:
    is_loss_finite = np.isfinite(history["loss"]).all()
    return not is_loss_finite or _any(history["non_finite"] > 0)


def _has_learned(history: History) -> bool:
    first, last = history["loss"][0], history["loss"][-RECENT:].mean()
    return bool(last < first - (1 - LEARNED_SHARE) * abs(first))


def _in_a_row(condition: np.ndarray, count: int) -> bool:
    """Returns whether a condition [records, layers] holds so often in a row."""
    if len(condition) < count:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(condition, count, axis=0)
    return bool(windows.all(axis=-1).any())
