"""What can be said of a run that has not ended: its latest record."""

from __future__ import annotations

import math
from typing import Any

from deepxor.board.events import read_scalars
from deepxor.lab.runs import Run


def partial_results(run: Run) -> dict[str, Any]:
    """Reads the latest record of a run from its event files.

    Args:
        run: Being trained, or killed.

    Returns:
        "step", and of the results in experiment.json those that a record has; empty if
        there is no record yet.
    """
    scalars = read_scalars(run.path)
    steps = scalars.get("cost", {})
    if not steps:
        return {}
    step = max(steps)
    first, last = run.experiment.layer_names[0], run.experiment.layer_names[-1]
    results = {
        "cost": scalars["cost"][step],
        "accuracy": scalars.get("accuracy", {}).get(step),
        "first_gradient": _first_gradient(scalars, first),
        "last_gradient": _first_gradient(scalars, last),
    }
    solved = scalars.get("solved", {}).get(step)
    if solved is not None:
        results["solved"] = round(solved * run.experiment.replicas)
    finite = {
        name: value
        for name, value in results.items()
        if value is not None and math.isfinite(value)
    }
    return {"step": step, **finite}


def _first_gradient(scalars: dict[str, dict[int, float]], layer: str) -> float | None:
    log10 = scalars.get(f"gradient_norm_log10/{layer}", {}).get(0)
    return None if log10 is None else 10**log10
