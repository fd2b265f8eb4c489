"""Causes in the data: the scale of inputs and targets, and labels without meaning."""

from __future__ import annotations

import numpy as np

from deepxor.diagnosis.causes.cause import Found
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.output import Output
from deepxor.diagnosis.thresholds import THRESHOLDS


def not_finite(evidence: Evidence) -> Found | None:
    """Finds NaN or infinity among inputs or targets."""
    for name, facts in evidence.inputs.items():
        if facts["input_non_finite"] > 0:
            return Found(
                f"{facts['input_non_finite']:.2%} of the inputs of {name} are NaN or "
                "infinite."
            )
    for output in evidence.outputs:
        if output.non_finite > 0:
            return Found(f"{output.non_finite:.2%} of the targets are NaN or infinite.")
    return None


def unscaled_inputs(evidence: Evidence) -> Found | None:
    """Finds inputs whose scale is far from 1.

    LeCun et al. 1998, "Efficient BackProp", section 4.3.
    """
    for name, facts in evidence.inputs.items():
        rms, mean = facts["input_rms"], facts["input_mean"]
        if THRESHOLDS.small_inputs <= rms <= THRESHOLDS.large_inputs or not rms > 0:
            continue
        return Found(
            f"The inputs of {name} are not scaled: their root mean square is "
            f"{rms:.3g}, their mean {mean:.3g}, the largest {facts['input_max']:.3g}."
        )
    return None


def unscaled_targets(evidence: Evidence) -> Found | None:
    """Finds numbers as targets whose scale is far from 1."""
    for output in evidence.outputs:
        if not _takes_numbers(output):
            continue
        small, large = THRESHOLDS.small_targets, THRESHOLDS.large_targets
        if small <= output.scale <= large or not output.scale > 0:
            continue
        return Found(
            f"The targets are not scaled: {output.targets_say()}, with a mean of "
            f"{output.mean:.3g}, while the predictions go from {output.lowest:.3g} to "
            f"{output.highest:.3g}."
        )
    return None


def _takes_numbers(output: Output) -> bool:
    return output.is_regression or output.loss is None


def unrelated_labels(evidence: Evidence) -> Found | None:
    """Finds targets that seem to have nothing to do with the inputs.

    It is what is left if nothing else is found: the weights have moved, the loss no
    longer falls, and still the predictions are no better than a constant.
    """
    if not evidence.has_no_skill or not evidence.path >= THRESHOLDS.moved:
        return None
    known = [output for output in evidence.outputs if np.isfinite(output.skill)]
    worst = min((output.skill for output in known), default=np.nan)
    if not worst > -THRESHOLDS.constant:
        return None  # it does worse than a constant, so something else is wrong
    return Found(
        "The weights have moved, the gradient arrives, and yet the predictions stay as "
        f"good as a constant (skill {worst:.2g}): perhaps the labels have nothing to "
        "do with the inputs. This is what is left, and not known."
    )
