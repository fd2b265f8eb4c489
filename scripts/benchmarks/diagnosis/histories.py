"""The histories of the diagnosis benchmark: recorded, and kept in files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepxor.console import app
from scripts.benchmarks.diagnosis.setup import Case

History = dict[str, Any]


def record(case: Case, every: int | None = None) -> History:
    """Trains a case; returns what `GradientMonitor` has recorded of it."""
    import deepxor
    from scripts.benchmarks.diagnosis.models import train

    monitor = deepxor.GradientMonitor(every=every)
    train(case, [monitor])
    return monitor.history


def save_history(path: Path, history: Mapping[str, Any], case: Case) -> None:
    """Writes a history into a file, and the case that it is of.

    Args:
        path: A file that ends in .npz.
        history: `GradientMonitor.history`.
        case: What was trained.
    """
    arrays = {key: np.asarray(value) for key, value in history.items()}
    arrays["notes"] = np.array(json.dumps(history["notes"]))
    bad = history["first_bad"]
    arrays["first_bad"] = np.array([] if bad is None else [str(bad[0]), bad[1] or ""])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, recipe=case.recipe, **arrays)


def load_history(path: Path, case: Case) -> History | None:
    """Returns the history in a file; None if there is none, or of another case."""
    if not path.exists():
        return None
    with np.load(path) as arrays:
        history: History = dict(arrays)
    if str(history.pop("recipe")) != case.recipe:
        return None
    history["layer"] = history["layer"].tolist()
    history["notes"] = json.loads(str(history["notes"]))
    bad = history["first_bad"].tolist()
    history["first_bad"] = (int(bad[0]), bad[1] or None) if bad else None
    return history


def cached_history(case: Case, folder: Path | None, every: int | None) -> History:
    """Returns a case's history from the cache, or trains it and puts it there.

    Args:
        case: The case.
        folder: Of the cache; None without one.
        every: Steps between records; None for the monitor's own choice.
    """
    if folder is None:
        return record(case, every)
    name = re.sub(r"\W+", "_", f"{case.kind} {case.name}")
    path = folder / f"{name}{'' if every is None else f'-{every}'}.npz"
    history = load_history(path, case)
    if history is None:
        load_keras()
        history = record(case, every)
        save_history(path, history, case)
    return history


def load_keras() -> None:
    """Imports TensorFlow and Keras, if they are not yet."""
    if "tensorflow" not in sys.modules:
        app.load_tensorflow()


# Of these the tools look for saturation, and of all others for death.
SQUASHING = ("sigmoid", "tanh")


def as_tools_see(history: Mapping[str, Any], case: Case) -> History:
    """Returns a history for rules that depend on the names of activations.

    The other tools look for saturated units only where the activation is a sigmoid or
    tanh, and for dead ones only where it is not. A history does not name activations.

    Args:
        history: `GradientMonitor.history`.
        case: What was trained.

    Returns:
        The same, with NaN for what the tools do not look at.
    """
    setup = case.setup
    hidden = "tanh" if setup.network in ("lstm", "gru") else setup.activation
    names = [hidden] * (len(history["layer"]) - 1) + [setup.output]
    squashes = np.array([name in SQUASHING for name in names])
    seen = {
        "saturated_fraction": np.where(squashes, history["saturated_fraction"], np.nan),
        "dead_fraction": np.where(squashes, np.nan, history["dead_fraction"]),
    }
    return {**history, **seen}
