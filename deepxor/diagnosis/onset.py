"""Finds the record at which a fault first showed; NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor.diagnosis.diagnosis import diagnose
from deepxor.diagnosis.evidence import regular_records
from deepxor.verdicts import HEALTHY, UNDECIDED

# A shorter history has this share of the records of the next longer one.
_SHARE = 0.8


def fault_step(history: Mapping[str, Any], verdict: str) -> int | None:
    """Returns the step of the first record from which on the diagnosis is a fault.

    The diagnosis is made again of shorter and shorter histories, as it would have been
    while the training went on, until it is another one.

    Args:
        history: `GradientMonitor.history`.
        verdict: The verdict on the whole history.

    Returns:
        The step of a record, to within a fifth of the records before it; None if the
        verdict is no fault.
    """
    history = regular_records(history)
    count = len(history["step"])
    if verdict in (HEALTHY, UNDECIDED) or not count:
        return None
    found = count
    while found > 1:
        shorter = int(found * _SHARE)
        if diagnose(_beginning(history, shorter)).verdict != verdict:
            break
        found = shorter
    return int(history["step"][found - 1])


def _beginning(history: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Returns the history as it was after some of its records."""
    begun = {
        key: value[:count] if isinstance(value, np.ndarray) else value
        for key, value in history.items()
    }
    bad = history.get("first_bad")
    if bad is not None and bad[0] > begun["step"][-1]:
        begun["first_bad"] = None
    return {**begun, "is_running": True}
