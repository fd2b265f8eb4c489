"""Finds models that do not learn although the gradient arrives."""

from __future__ import annotations

from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.finding import Finding
from deepxor.diagnosis.output import NON_NEGATIVE, Output
from deepxor.diagnosis.thresholds import THRESHOLDS


def find_not_learning(evidence: Evidence) -> Finding | None:
    """Finds an output whose predictions are no better than a constant.

    Murphy 1988, "Skill scores based on the mean square error", eq. 4. In the first half
    of a training, or while the loss still falls, it is too early to say.

    Args:
        evidence: The evidence.

    Returns:
        The finding, or None.
    """
    for output in evidence.outputs:
        text = _meaningless_loss(output, evidence)
        if text is not None:
            return Finding(output.layer, text)
    is_falling = evidence.slope < -THRESHOLDS.significant
    is_short = len(evidence.history["step"]) < THRESHOLDS.min_running
    if evidence.is_running and (evidence.is_early or is_short or is_falling):
        return None
    for output in evidence.outputs:
        if output.samples < THRESHOLDS.min_samples:
            continue
        if output.skill < THRESHOLDS.no_skill:
            return Finding(output.layer, _no_better(output, evidence))
    return None


def _meaningless_loss(output: Output, evidence: Evidence) -> str | None:
    """Returns what is wrong with a loss that is 0 or less for any prediction."""
    if output.loss not in NON_NEGATIVE:
        return None
    if output.constant_loss < 0 or (len(evidence.outputs) == 1 and evidence.loss < 0):
        least = min(output.constant_loss, evidence.loss)
        return (
            f"The loss is negative ({least:.3g}), which {output.loss} cannot be for "
            f"the targets it is made for; {output.targets_say()}."
        )
    if output.constant_loss == 0 and output.spread > 0:
        return (
            f"The loss {output.loss} is exactly 0 for a constant, although "
            f"{output.targets_say()}: it cannot tell one prediction from another."
        )
    return None


def _no_better(output: Output, evidence: Evidence) -> str:
    where = f" of {output.name}" if len(evidence.outputs) > 1 else ""
    disagree = ""
    if len(evidence.outputs) == 1 and output.own_loss > 10 * abs(evidence.loss):
        disagree = (
            f" Loss and predictions disagree: the loss of the predictions themselves "
            f"is {output.own_loss:.3g}."
        )
    return (
        f"The predictions{where} are no better than a constant since step "
        f"{evidence.step} or before (skill {output.skill:.2g} over {output.samples} "
        f"samples), although the gradient arrives: {evidence.ends_say()}, and "
        f"{evidence.loss_says()}.{disagree}"
    )
