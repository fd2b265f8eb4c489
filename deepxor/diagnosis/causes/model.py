"""Causes in the model: dropout, too few units, activations with a small slope."""

from __future__ import annotations

from deepxor.diagnosis.causes.cause import Found
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.verdicts import SATURATED, VANISHING

# Activations whose slope is below 1 nearly everywhere, or 0 where they are flat.
SQUASHING = ("sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "softsign", "softmax")


def dropped_predictions(evidence: Evidence) -> Found | None:
    """Finds a dropout after the output."""
    for output in evidence.outputs:
        if output.dropout:
            return Found(
                f"A dropout of {output.dropout:g} comes after the output, and sets "
                "predictions to 0."
            )
    return None


def heavy_dropout(evidence: Evidence) -> Found | None:
    """Finds a dropout that leaves next to nothing."""
    rates = evidence.model.get("dropout", {})
    heavy = {n: r for n, r in rates.items() if r >= THRESHOLDS.heavy_dropout}
    if not heavy:
        return None
    name = max(heavy, key=lambda layer: heavy[layer])
    return Found(f"{name} drops {heavy[name]:.0%} of the units.")


def few_units(evidence: Evidence) -> Found | None:
    """Finds a hidden layer that is too narrow for what has to pass it."""
    hidden = [x for x in evidence.model.get("hidden", []) if x["units"]]
    if not hidden or not evidence.outputs:
        return None
    narrow = min(hidden, key=lambda layer: layer["units"])
    wanted = max(output.units or 1 for output in evidence.outputs)
    if narrow["units"] > THRESHOLDS.few_units or (narrow["units"] >= wanted > 1):
        return None
    units = narrow["units"]
    return Found(
        f"{narrow['layer']} has {units} unit{'s' if units > 1 else ''}, and everything "
        "has to pass it."
    )


def squashing(evidence: Evidence) -> Found | None:
    """Finds hidden activations that have shrunk the gradient on its way."""
    hidden = evidence.model.get("hidden", [])
    names = [x["activation"] for x in hidden if x["activation"] in SQUASHING]
    has_shrunk = evidence.arriving < THRESHOLDS.shrunk
    is_fault = evidence.verdict in (VANISHING, SATURATED)
    if not names or not (is_fault or has_shrunk):
        return None
    kinds = " and ".join(dict.fromkeys(names))
    return Found(
        f"{len(names)} hidden layer{'s' if len(names) > 1 else ''} "
        f"{'have' if len(names) > 1 else 'has'} the activation {kinds}, whose slope "
        "shrinks the gradient."
    )
