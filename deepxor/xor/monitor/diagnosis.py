"""Rules from the recorded norms of replicas to a verdict on all replicas; NumPy only.

The same kinds of fault as for ordinary models, each decided replica by replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor import verdicts
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.verdicts import DEAD, EXPLODING, HEALTHY, UNDECIDED, VANISHING

# Rules look at this many of the latest records, so that no single one decides. Not at a
# share of all records, as for ordinary models: of each of them the norms of all
# replicas are kept.
WINDOW = 10

# A fault is the verdict if more than this share of the replicas has it. An ordinary
# model is one network, so its rules have no such share.
FAULTY_SHARE = 0.1

# Vanishing, between the first and the last layer; lost before training has begun, not
# by converging.
VANISHING_RATIO = THRESHOLDS.vanishing

# Exploding: TheDeepChecker's bound on gradients that are still finite. An ordinary
# model's may be large because its loss is, so the bound `THRESHOLDS.huge` is lower but
# asks for the loss and the weights, too. Here every loss starts near log 2, and the
# norm alone tells.
EXPLODING_NORM = 1e6

# A loss below this share of its start has learned, whatever its gradients are.
LEARNED_SHARE = THRESHOLDS.learned


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history.

    Args:
        history: `ReplicaMonitor.history`.

    Returns:
        The fault that most replicas have, if more than `FAULTY_SHARE` have it; healthy
        otherwise; undecided where nothing has been recorded.
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
    """Returns which replicas' gradients are not finite, or huge, at the latest record.

    Args:
        history: `ReplicaMonitor.history`.

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
        history: `ReplicaMonitor.history`.

    Returns:
        bool [R].
    """
    recent = history["recent"]
    if len(history["layer"]) == 1:  # nothing to cut off: it has converged
        return np.zeros(recent.shape[-1], bool)
    return (recent[:, 0] == 0).all(axis=0)


def vanishing_replicas(history: Mapping[str, Any]) -> np.ndarray:
    """Returns which replicas lose the gradient on its way to the first layer.

    At the first record the first layer's norm is less than `VANISHING_RATIO` of the
    last layer's, and over the latest records it has not grown past that: from the
    start, and training does not mend it. The last layer's norm at the start is the
    measure, as its later ones shrink to rounding noise once its bias has fitted the
    mean. A loss that has fallen says that training did mend it, at some other time.

    Args:
        history: `ReplicaMonitor.history`.

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
    # Backpropagation runs from the last layer to the first: there it starts.
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
        # The rest has converged around the dead layer; norms cannot say which it is.
        layer, where = names[0], "most often at every other layer, too"
    else:
        # Of the layers cut off, the last in forward order is where the gradient stops.
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
