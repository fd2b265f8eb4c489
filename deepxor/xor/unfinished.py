"""What can be said of a run that has not ended: its latest record."""

from __future__ import annotations

import math
from typing import Any

from deepxor.xor.config import Experiment


def partial_results(
    experiment: Experiment, scalars: dict[str, dict[int, float]]
) -> dict[str, Any]:
    """Returns the latest record of a run that is being trained, or was killed.

    Args:
        experiment: Its settings.
        scalars: tag -> step -> value, as `events.read_run` returns them.

    Returns:
        "step", and of the results in experiment.json those that a record has; empty if
        there is no record yet.
    """
    steps = scalars.get("cost", {})
    if not steps:
        return {}
    step = max(steps)
    first, last = experiment.layer_names[0], experiment.layer_names[-1]
    results = {
        "cost": scalars["cost"][step],
        "accuracy": scalars.get("accuracy", {}).get(step),
        "first_gradient": _first_gradient(scalars, first),
        "last_gradient": _first_gradient(scalars, last),
    }
    solved = scalars.get("solved", {}).get(step)
    if solved is not None:
        results["solved"] = round(solved * experiment.replicas)
    finite = {
        name: value
        for name, value in results.items()
        if value is not None and math.isfinite(value)
    }
    return {"step": step, **finite}


def _first_gradient(scalars: dict[str, dict[int, float]], layer: str) -> float | None:
    log10 = scalars.get(f"gradient_norm_log10/{layer}", {}).get(0)
    return None if log10 is None else 10**log10
