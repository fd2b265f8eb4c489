"""The checked arguments of a `GradientMonitor`."""

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

# TensorBoard's charts keep the number of a step as an int32.
MAX_EVERY = 2**31 - 1


@dataclass(frozen=True)
class Arguments:
    """Holds the arguments of a `GradientMonitor`, checked and of the right types.

    Attributes:
        log_dir: The folder for the event files, an open writer, or None for no files.
        every: The number of steps from one record to the next; None if the length of
            the fit decides.
        layers: The regular expression that chooses layers by name; None for all.
        histograms: The number of records from one histogram to the next; 0 for none.
        sample: The number of samples whose activations are looked at; 0 for none.
        on_fault: "warn", "stop", a function that takes a `Diagnosis`, or None.
    """

    log_dir: LogDir | None
    every: int | None
    layers: str | None
    histograms: int
    sample: int
    on_fault: str | FaultHandler | None

    @property
    def compiled(self) -> Hashable:
        """Returns the part of the arguments that is compiled into a training step."""
        return self.layers, self.sample, self.histograms > 0

    def chooses(self, name: str) -> bool:
        """Whether a layer is recorded.

        Args:
            name: The name of the layer.
        """
        return re.search(self.layers or "", name) is not None

    def every_of(self, params: dict[str, Any]) -> int:
        """Returns the number of steps from one record to the next in a fit.

        Args:
            params: The `params` that Keras gives the callbacks of the fit: "steps", the
                steps of an epoch or None if they are not known, and "epochs".
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
    """Checks the arguments of a `GradientMonitor` and returns them.

    Args:
        log_dir: The folder for the event files, an open writer, or None.
        every: The number of steps from one record to the next, or None.
        layers: A regular expression that chooses layers by name, or None.
        histograms: The number of records from one histogram to the next; 0 for none.
        sample: The number of samples whose activations are looked at; 0 for none.
        on_fault: "warn", "stop", a function that takes a `Diagnosis`, or None.

    Raises:
        ValueError: If an argument is not allowed. The message says what is allowed.
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
