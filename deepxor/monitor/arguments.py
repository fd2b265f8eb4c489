"""The arguments of a GradientMonitor, checked."""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from deepxor.checks import refuse
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.events.writer import SummaryWriter

FaultHandler = Callable[[Diagnosis], None]
LogDir = str | os.PathLike[str] | SummaryWriter

# A step's number is an int32 in TensorBoard's charts.
MAX_EVERY = 2**31 - 1


@dataclass(frozen=True)
class Arguments:
    """Those of `GradientMonitor`, each of the right type.

    Attributes:
        log_dir, every, layers, histograms, sample, on_fault: As there.
    """

    log_dir: LogDir | None
    every: int | None
    layers: str | None
    histograms: int
    sample: int
    on_fault: str | FaultHandler | None

    @property
    def compiled(self) -> Hashable:
        """What of it is compiled into a training step."""
        return self.layers, self.sample, self.histograms > 0

    def chooses(self, name: str) -> bool:
        """Whether a layer is recorded.

        Args:
            name: The layer's.
        """
        return re.search(self.layers or "", name) is not None

    def every_of(self, params: dict[str, Any]) -> int:
        """Returns how often to record in a fit.

        Args:
            params: Those that Keras gives the callbacks: "steps" of an epoch, None if
                they are not known, and "epochs".
        """
        if self.every is not None:
            return self.every
        if not params.get("steps"):
            return 100
        steps = params["steps"] * params["epochs"]
        return 1 if steps <= 100 else 10 if steps <= 1000 else 100


def check(
    log_dir: Any, every: Any, layers: Any, histograms: Any, sample: Any, on_fault: Any
) -> Arguments:
    """Returns arguments that are right.

    Args:
        log_dir: As given to `GradientMonitor`, like the others.
        every: Likewise.
        layers: Likewise.
        histograms: Likewise.
        sample: Likewise.
        on_fault: Likewise.

    Raises:
        ValueError: If one is not allowed; it says what is.
    """
    if not (log_dir is None or isinstance(log_dir, str | os.PathLike | SummaryWriter)):
        refuse("log_dir", log_dir, "None, the path of a folder, or a SummaryWriter")
    if every is not None:
        every = _integer("every", every, 1, "None or a positive integer")
    if not (layers is None or isinstance(layers, str)):
        refuse("layers", layers, "None or a regular expression, a string")
    try:
        re.compile(layers or "")
    except re.error as error:
        refuse("layers", layers, f"a regular expression ({error})")
    histograms = _integer("histograms", histograms, 0, "an integer of at least 0")
    sample = _integer("sample", sample, 0, "an integer of at least 0")
    is_named = isinstance(on_fault, str) and on_fault in ("warn", "stop")
    if not (on_fault is None or is_named or callable(on_fault)):
        refuse("on_fault", on_fault, "None, 'warn', 'stop' or a function")
    return Arguments(log_dir, every, layers, histograms, sample, on_fault)


def _integer(name: str, value: Any, least: int, allowed: str) -> int:
    is_right = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_right or not least <= value <= MAX_EVERY:
        if is_right and math.fabs(float(value)) > MAX_EVERY:
            allowed += f" of at most {MAX_EVERY}"
        refuse(name, value, allowed)
    return int(value)
