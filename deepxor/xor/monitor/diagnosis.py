"""Rules from the recorded norms of replicas to a verdict on all replicas; NumPy only.

The faults are those of ordinary models, and each is decided replica by replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor import verdicts
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.verdicts import (
    DEAD,
    EXPLODING,
    HEALTHY,
    NOT_LEARNING,
    UNDECIDED,
    VANISHING,
)

# Rules look at this many of the latest records, so that no single one decides. The
# rules of ordinary models look at a share of all records; here that would take too much
# memory, as the norms of all replicas are kept for each of them.
WINDOW = 10

# A fault is the verdict if more than this share of the replicas has it.
FAULTY_SHARE = 0.1

# The gradient vanishes if the norm at the first layer is below this share of that at
# the last layer before training has begun.
VANISHING_RATIO = THRESHOLDS.vanishing

# A finite gradient explodes above this norm, which is the bound of TheDeepChecker. The
# gradient of an ordinary model may be large because its loss is, so that its rule has a
# lower bound, `THRESHOLDS.huge`, but looks at the loss and the weights, too. Here every
# loss starts near log 2, so that the norm alone decides.
EXPLODING_NORM = 1e6

# A network whose loss is below this share of its first loss has learned, whatever its
# gradients are.
LEARNED_SHARE = THRESHOLDS.learned


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        The diagnosis: the fault that most replicas have, if more than `FAULTY_SHARE` of
        them have it; undecided if nothing has been recorded; else healthy.
    """
    if len(history["step"]) == 0:
        return _diagnosis(UNDECIDED, None, "No step was recorded.")
    faults = {
        EXPLODING: exploding_replicas(history),
        DEAD: dead_replicas(history),
        VANISHING: vanishing_replicas(history),
    }
    verdict = max(faults, key=lambda fault: faults[fault].sum())
    if faults[verdict].mean() <= FAULTY_SHARE:
        return _diagnosis(HEALTHY, None, _healthy_evidence(history))
    describe = {
        EXPLODING: _exploding_evidence,
        DEAD: _dead_evidence,
        VANISHING: _vanishing_evidence,
    }
    layer, evidence = describe[verdict](history, faults[verdict])
    return _diagnosis(verdict, layer, evidence + _others(history, verdict))


def exploding_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas' gradients are not finite, or huge, at the latest record.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        Whether each replica has the fault, bool [R].
    """
    latest = history["recent"][-1]
    return (~np.isfinite(latest) | (latest > EXPLODING_NORM)).any(axis=0)


def diverged_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas' gradients are not finite at the latest record.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        Whether each replica has diverged, bool [R].
    """
    return ~np.isfinite(history["recent"][-1]).all(axis=0)


def dead_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas have a first layer whose gradient stays exactly zero.

    A layer whose slope is exactly zero for every sample (a dead ReLU layer) cuts off
    every layer before it. Exact zeros of other layers alone are no sign of it: if the
    output does not depend on the inputs, the samples' gradients cancel exactly.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        Whether each replica has the fault, bool [R].
    """
    recent = history["recent"]
    if len(history["layer"]) == 1:  # no layer can be cut off, so it has converged
        return np.zeros(recent.shape[-1], bool)
    return (recent[:, 0] == 0).all(axis=0)


def vanishing_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas lose the gradient on its way to the first layer.

    In these replicas the first layer's norm is less than `VANISHING_RATIO` times the
    last layer's norm at the first record, both at the first record and at the latest
    ones. The last layer's later norms are no measure, as they shrink to rounding noise
    once its bias has fitted the mean. If the loss has fallen, the gradient has arrived
    between the records, and no replica has the fault. If the losses of the replicas are
    known, [records, R], each one's own decides.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        Whether each replica has the fault, bool [R].
    """
    first, recent = history["first"], history["recent"]
    enough = VANISHING_RATIO * first[-1]
    starts = first[0] < enough
    stays = (recent[:, 0] < enough).all(axis=0)
    return starts & stays & ~dead_replicas(history) & ~_has_learned(history)


def replica_verdicts(history: Mapping[str, Any], is_solved: np.ndarray) -> list[str]:
    """Returns the verdict on each replica.

    A replica that is right on every sample is healthy, though its gradient may have
    become exactly zero since. One that is not, and whose gradient has no fault, does
    not learn.

    Args:
        history: A mapping with these keys of `ReplicaMonitor.history`: "layer",
            "first", "recent" and "loss".
        is_solved: Whether each replica is right on every sample, bool [R].
    """
    masks = {
        EXPLODING: exploding_replicas(history),
        HEALTHY: is_solved,
        DEAD: dead_replicas(history),
        VANISHING: vanishing_replicas(history),
    }
    # The first that holds is the verdict.
    return np.select(list(masks.values()), list(masks), NOT_LEARNING).tolist()


def _diagnosis(verdict: str, layer: str | None, evidence: str) -> Diagnosis:
    return Diagnosis(verdict, layer, evidence, verdicts.advice(verdict))


def _has_learned(history: Mapping[str, Any]) -> np.ndarray:
    """Returns whether the loss has fallen; of each replica, if each one's is known."""
    loss = np.asarray(history["loss"])
    return (loss[0] > 0) & (loss[-1] < LEARNED_SHARE * loss[0])


def _of_replicas(mask: np.ndarray) -> str:
    return "" if mask.size == 1 else f" in {mask.sum()} of {mask.size} replicas"


def _exploding_evidence(
    history: Mapping[str, Any], mask: np.ndarray
) -> tuple[str, str]:
    latest = history["recent"][-1][:, mask]
    is_bad = ~np.isfinite(latest) | (latest > EXPLODING_NORM)
    # Backpropagation runs from the last layer to the first, so the fault starts at the
    # last layer that has it.
    layer = history["layer"][np.flatnonzero(is_bad.any(axis=1))[-1]]
    not_finite = int((~np.isfinite(latest)).any(axis=0).sum())
    what = "NaN or infinite" if not_finite else f"above {EXPLODING_NORM:.0e}"
    step = history["step"][-1]
    return layer, f"The gradient is {what} at step {step}{_of_replicas(mask)}."


def _dead_evidence(history: Mapping[str, Any], mask: np.ndarray) -> tuple[str, str]:
    is_zero = (history["recent"][:, :, mask] == 0).all(axis=0)
    cut_off = np.logical_and.accumulate(is_zero, axis=0).sum(axis=0)
    names, depth = history["layer"], int(np.bincount(cut_off).argmax())
    since = history["recent_step"][0]
    if depth == len(names):
        # The layers after the dead one have converged, so that their gradients are
        # zero, too, and the norms cannot say which layer is dead.
        layer, where = names[0], "most often at every other layer, too"
    else:
        # The gradient stops at the last layer, in forward order, that is cut off.
        layer = names[depth - 1]
        where = f"it stops most often at {layer}"
    return layer, (
        f"The gradient at {names[0]} is exactly zero{_of_replicas(mask)}, since step "
        f"{since} or before; {where}."
    )


def _vanishing_evidence(
    history: Mapping[str, Any], mask: np.ndarray
) -> tuple[str, str]:
    first = np.median(history["first"][:, mask], axis=1)
    names = history["layer"]
    decades = np.log10(first[-1] / max(first[0], np.finfo(np.float32).tiny))
    return names[0], (
        f"{names[0]} gets {first[0]:.1e}, {names[-1]} {first[-1]:.1e} at step "
        f"{history['step'][0]}: {decades:.1f} decades lost on the way"
        f"{_of_replicas(mask)}, and it stays so."
    )


def _healthy_evidence(history: Mapping[str, Any]) -> str:
    norm = history["norm"][0]
    names = history["layer"]
    if len(names) == 1:
        return f"{names[0]} gets {norm[0]:.1e} at step {history['step'][0]}."
    return (
        f"{names[0]} gets {norm[0]:.1e}, {names[-1]} {norm[-1]:.1e} at step "
        f"{history['step'][0]}.{_others(history, HEALTHY)}"
    )


def _others(history: Mapping[str, Any], verdict: str) -> str:
    """Returns a sentence on the replicas of which the verdict does not speak."""
    masks = {
        "diverged": (EXPLODING, diverged_replicas(history)),
        "dead": (DEAD, dead_replicas(history)),
    }
    parts = [
        f"{name}: {mask.sum()} of {mask.size}"
        for name, (fault, mask) in masks.items()
        if mask.any() and fault != verdict
    ]
    text = ", ".join(parts)
    return f" {text[0].upper()}{text[1:]} replicas." if text else ""
