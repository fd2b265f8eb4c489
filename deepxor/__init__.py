"""deepxor: see where the gradient goes, in deep networks on XOR and in your own model.

The public names load TensorFlow when they are first used, not before.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from deepxor.version import __version__ as __version__

if TYPE_CHECKING:
    from deepxor.backprop.explanation import explain
    from deepxor.monitor.callback import GradientMonitor
    from deepxor.nn.lsuv import lsuv
    from deepxor.sweeps.run import sweep
    from deepxor.xor.config import Experiment
    from deepxor.xor.train import train_experiment

__all__ = [
    "Experiment",
    "GradientMonitor",
    "explain",
    "lsuv",
    "sweep",
    "train_experiment",
]

_MODULES = {
    "Experiment": "deepxor.xor.config",
    "GradientMonitor": "deepxor.monitor.callback",
    "explain": "deepxor.backprop.explanation",
    "lsuv": "deepxor.nn.lsuv",
    "sweep": "deepxor.sweeps.run",
    "train_experiment": "deepxor.xor.train",
}


class _Package(types.ModuleType):
    """This package: importing the command deepxor/explain.py leaves `explain` alone.

    The import system binds a submodule to its package once it is loaded, which would
    hide the function of the same name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
