"""The histories of the diagnosis benchmark, which are recorded and kept in files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepxor import quiet
from scripts.benchmarks.diagnosis.cases.case import Case

History = dict[str, Any]


def record(case: Case, every: int | None = None) -> History:
    """Returns what `GradientMonitor` records while a case is trained.

    Args:
        case: The case to train.
        every: Steps between records; None for the monitor's own choice.

    Returns:
        The monitor's history.
    """
    import deepxor
    from scripts.benchmarks.diagnosis.training import train

    monitor = deepxor.GradientMonitor(every=every)
    train(case, [monitor])
    return monitor.history


def save_history(path: Path, history: Mapping[str, Any], recipe: str) -> None:
    """Writes a history and the recipe of its training into a file.

    Args:
        path: A file that ends in .npz.
        history: As `GradientMonitor.history` has it.
        recipe: All that decides the training.
    """
    arrays = {k: v for k, v in history.items() if isinstance(v, np.ndarray)}
    others = {k: v for k, v in history.items() if k not in arrays}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays, others=json.dumps(others), recipe=recipe)


def load_history(path: Path, recipe: str) -> History | None:
    """Returns the history in a file; None without one, or if its recipe is another."""
    if not path.exists():
        return None
    with np.load(path) as arrays:
        history: History = dict(arrays)
    if str(history.pop("recipe")) != recipe or "others" not in history:
        return None
    history |= json.loads(str(history.pop("others")))
    bad = history["first_bad"]
    history["first_bad"] = None if bad is None else tuple(bad)
    return history


def cached_history(case: Case, folder: Path | None, every: int | None) -> History:
    """Returns the history of a case, from the cache or from a training.

    Args:
        case: The case.
        folder: The cache's folder, which gets what is recorded; None for no cache.
        every: Steps between records; None for the monitor's own choice.

    Returns:
        The history.
    """
    if folder is None:
        return record(case, every)
    name = re.sub(r"\W+", "_", f"{case.kind} {case.name}")
    path = folder / f"{name}{'' if every is None else f'-{every}'}.npz"
    history = load_history(path, case.recipe)
    if history is None:
        load_keras()
        history = record(case, every)
        save_history(path, history, case.recipe)
    return history


def load_keras() -> None:
    """Imports TensorFlow and Keras, if they are not imported yet."""
    if "tensorflow" not in sys.modules:
        quiet.load_tensorflow()


# The tools look for saturated units after these activations, and for dead units after
# all others.
SQUASHING = ("sigmoid", "tanh")


def as_tools_see(history: Mapping[str, Any], case: Case) -> History:
    """Returns a history for rules that depend on the names of activations.

    A history does not name activations.

    Args:
        history: As `GradientMonitor.history` has it.
        case: The case that was trained.

    Returns:
        The same history, with NaN for what the tools do not look at.
    """
    setup = case.setup
    hidden = "tanh" if setup.network in ("lstm", "gru") else setup.activation
    return hidden_from_tools(
        history, [hidden] * (len(history["layer"]) - 1) + [setup.output]
    )


def hidden_from_tools(
    history: Mapping[str, Any], names: Sequence[str | None]
) -> History:
    """Returns a history with NaN for what the tools do not look at.

    Args:
        history: As `GradientMonitor.history` has it.
        names: The name of each layer's activation, None for one that is not known.
    """
    squashes = np.array([name in SQUASHING for name in names])
    seen = {
        "saturated_fraction": np.where(squashes, history["saturated_fraction"], np.nan),
        "dead_fraction": np.where(squashes, np.nan, history["dead_fraction"]),
    }
    return {**history, **seen}
