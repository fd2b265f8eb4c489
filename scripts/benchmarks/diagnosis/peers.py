"""The rules of other tools, on the histories that `deepxor.GradientMonitor` records.

Each is a function of a history alone that returns a kind of fault, or "healthy". A
history has layers where the tools look at tensors, and records where they look at
every step or epoch; what had to be put in place of what the history has not is said in
the docstrings. `SLOW` is the verdict that a model does not learn, without a kind.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

HEALTHY, VANISHING, EXPLODING = "healthy", "vanishing", "exploding"
DEAD, SATURATED, SLOW = "dead", "saturated", "slow"

History = Mapping[str, Any]

# The reading of "has learned" for tools that look at an accuracy, which a history does
# not have: the mean loss of the latest records is below this share of the first.
LEARNED_SHARE = 0.5
RECENT = 5


def sagemaker(history: History) -> str:
    """Returns the verdict of SageMaker Debugger's built-in rules at their defaults.

    ExplodingTensor (NaN or infinite), DeadRelu (more than 50 % of a layer's units
    inactive), SaturatedActivation (more than 50 % of a layer's nodes),
    WeightUpdateRatio (above 10, called exploding here, or below 1e-8, vanishing) and
    VanishingGradient (mean absolute gradient below 1e-7). Each fires at whatever step
    it holds. The rule of saturation reads inputs of tanh beyond 9.5; here, slopes below
    5 % of the largest.

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

    VanishingGradient: mean absolute gradient below 1e-7; ExplodingTensor: NaN or
    infinite.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/vanishing-gradient.html
    """
    if _is_not_finite(history):
        return EXPLODING
    return VANISHING if _any(history["mean_abs"] < 1e-7) else HEALTHY


def autotrainer(history: History) -> str:
    """Returns the verdict of AutoTrainer, at its defaults.

    NaN is exploding. Where the model does not converge: at least 70 % of all gradient
    elements zero is dead; the first layer's norm over 70 times the last's, exploding;
    under 1e-3 of it and under 1e-4, vanishing; and if it is none of these, slow. It
    asks for an accuracy of 60 % or more; here, for a loss below half of the first.

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

    In its order: at least 70 % of a layer's outputs not above zero in the last epoch
    is dead; more than half of a layer's inputs beyond +-5, saturated; NaN or infinity,
    exploding; a loss that stays the same for five records, slow; a mean absolute
    gradient below 1e-7, vanishing. For outputs, units without any stand in; for
    inputs beyond +-5, slopes below 5 % of the largest.

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

    NaN or infinity, or a mean absolute gradient above 1e6, or one that has at least
    doubled from record to record four times in a row, is exploding; one below 1e-6,
    or halved four times in a row, vanishing; over half of a layer's units below 1e-5 in
    95 % of the samples, dead; over half of them saturated, saturated; updates outside
    of 1e-4 to 1e-1 of the weights, exploding if above and vanishing if below. Its
    measure of saturation is a histogram of outputs; here, the slopes' fraction.

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
    """Returns what can be said from nothing but the loss: the baseline.

    Not finite, or risen above ten times its first, is exploding; fallen below half of
    its first, healthy; else slow, called vanishing, the kind most often meant.
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
