"""deepxor: see where the gradient goes, in deep networks on XOR and in your own model.

The public names load TensorFlow when they are first used, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from deepxor.lab.experiment import Experiment
    from deepxor.lab.training import train_experiment
    from deepxor.monitor.gradients import GradientMonitor

__all__ = ["Experiment", "GradientMonitor", "train_experiment"]

_MODULES = {
    "Experiment": "deepxor.lab.experiment",
    "GradientMonitor": "deepxor.monitor.gradients",
    "train_experiment": "deepxor.lab.training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
