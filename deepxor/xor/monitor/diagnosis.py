"""Rules that derive a verdict from the recorded norms of replicas; uses NumPy only.

The kinds of fault are those of ordinary models, and each is decided for every replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor import verdicts
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.verdicts import DEAD, EXPLODING, HEALTHY, UNDECIDED, VANISHING

# The rules look at this many of the latest records, so that no single record decides.
# For ordinary models it is a share of all records; here the number is fixed, since the
# norms of all replicas have to be kept for each of these records.
WINDOW = 10

# A fault is the verdict if more than this share of the replicas has it. An ordinary
# model is one network, so its rules have no such share.
FAULTY_SHARE = 0.1

# The bound of vanishing, on the ratio of the first layer's norm to the last layer's. It
# is for gradients that are lost before training has begun, not by converging.
VANISHING_RATIO = THRESHOLDS.vanishing

# The bound of exploding, for gradients that are still finite: that of TheDeepChecker.
# The gradient of an ordinary model may be large because its loss is. So the bound
# `THRESHOLDS.huge` is lower there, but the rule also looks at the loss and the weights.
# Here every loss starts near log 2, and the norm alone decides.
EXPLODING_NORM = 1e6

# A training whose loss is below this share of the first one has learned, whatever its
# gradients are.
LEARNED_SHARE = THRESHOLDS.learned


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the diagnosis of a history.

    Args:
        history: The `history` of a `ReplicaMonitor`.

    Returns:
        A diagnosis whose verdict is the fault that most replicas have, if more than the
        share `FAULTY_SHARE` have it; healthy otherwise; and undecided if nothing has
        been recorded.
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
    return _diagnosis(verdict, layer, evidence)


def exploding_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas have a gradient that is not finite or huge at the end.

    A gradient is huge if its norm is above `EXPLODING_NORM`. The latest record decides.

    Args:
        history: The `history` of a `ReplicaMonitor`.

    Returns:
        bool [R].
    """
    latest = history["recent"][-1]
    return (~np.isfinite(latest) | (latest > EXPLODING_NORM)).any(axis=0)


def dead_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas have a first layer whose gradient stays exactly zero.

    A layer whose slope is exactly zero for every sample (a dead ReLU layer) cuts off
    every layer before it. Exact zeros of other layers alone say less: where the inputs
    no longer matter, the samples' gradients cancel to the last bit.

    Args:
        history: The `history` of a `ReplicaMonitor`.

    Returns:
        bool [R].
    """
    recent = history["recent"]
    if len(history["layer"]) == 1:  # no layer is cut off: a zero means convergence
        return np.zeros(recent.shape[-1], bool)
    return (recent[:, 0] == 0).all(axis=0)


def vanishing_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas lose the gradient on its way to the first layer.

    The gradient of a replica vanishes if it is lost from the start and training does
    not mend it: at the first record the first layer's norm is less than
    `VANISHING_RATIO` of the last layer's, and it has not grown past that in any of the
    latest records. The reference is always the last layer's norm at the first record,
    as its later norms shrink to rounding noise once its bias has fitted the mean. If
    the loss has fallen far enough, training did mend it at some other time, and no
    replica counts.

    Args:
        history: The `history` of a `ReplicaMonitor`.

    Returns:
        bool [R].
    """
    first, recent = history["first"], history["recent"]
    if _has_learned(history):
        return np.zeros(recent.shape[-1], bool)
    enough = VANISHING_RATIO * first[-1]
    starts = first[0] < enough
    stays = (recent[:, 0] < enough).all(axis=0)
    return starts & stays & ~dead_replicas(history)


def _diagnosis(verdict: str, layer: str | None, evidence: str) -> Diagnosis:
    return Diagnosis(verdict, layer, evidence, verdicts.advice(verdict))


def _has_learned(history: Mapping[str, Any]) -> bool:
    loss = history["loss"]
    return bool(loss[0] > 0 and loss[-1] < LEARNED_SHARE * loss[0])


def _of_replicas(mask: np.ndarray) -> str:
    return "" if mask.size == 1 else f" in {mask.sum()} of {mask.size} replicas"


def _exploding_evidence(
    history: Mapping[str, Any], mask: np.ndarray
) -> tuple[str, str]:
    latest = history["recent"][-1][:, mask]
    is_bad = ~np.isfinite(latest) | (latest > EXPLODING_NORM)
    # Backpropagation runs from the last layer to the first, so the last layer with such
    # a gradient is where it starts.
    layer = history["layer"][np.flatnonzero(is_bad.any(axis=1))[-1]]
    not_finite = int((~np.isfinite(latest)).any(axis=0).sum())
    what = "NaN or infinite" if not_finite else f"above {EXPLODING_NORM:.0e}"
    step = history["step"][-1]
    return layer, f"The gradient is {what} at step {step}{_of_replicas(mask)}."


def _dead_evidence(history: Mapping[str, Any], mask: np.ndarray) -> tuple[str, str]:
    is_zero = (history["recent"][:, :, mask] == 0).all(axis=0)
    cut_off = np.logical_and.accumulate(is_zero, axis=0).sum(axis=0)
    names, depth = history["layer"], int(np.bincount(cut_off).argmax())
    since = history["step"][-len(history["recent"])]
    if depth == len(names):
        # The other layers have converged around the dead one, and norms cannot say
        # which one is dead.
        layer, where = names[0], "most often at every other layer, too"
    else:
        # The gradient stops at the last, in forward order, of the layers cut off.
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
    dead = dead_replicas(history)
    aside = f" Dead: {dead.sum()} of {dead.size} replicas." if dead.any() else ""
    return (
        f"{names[0]} gets {norm[0]:.1e}, {names[-1]} {norm[-1]:.1e} at step "
        f"{history['step'][0]}.{aside}"
    )
