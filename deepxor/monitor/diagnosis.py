"""Rules from recorded numbers to a verdict with evidence and advice; NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEALTHY = "healthy"
VANISHING = "vanishing"
EXPLODING = "exploding"
DEAD = "dead"
SATURATED = "saturated"

ADVICE = {
    HEALTHY: "Nothing to mend in the gradient: it reaches every layer.",
    VANISHING: (
        "Use an activation whose slope does not shrink the gradient (relu with he "
        "initialization, or tanh with glorot), or fewer layers."
    ),
    EXPLODING: (
        "Lower the learning rate tenfold, scale the initial weights to the layer's "
        "inputs (he or glorot), or clip the gradients."
    ),
    DEAD: (
        "Use an activation with a slope on both sides (leaky_relu, elu), wider layers, "
        "or he initialization; a lower learning rate keeps units from dying later."
    ),
}


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a training.

    Attributes:
        verdict: healthy, vanishing, exploding or dead.
        layer: The layer where it shows; None if healthy.
        evidence: One sentence with the numbers that led to the verdict.
        advice: One sentence on what to change.
    """

    verdict: str
    layer: str | None
    evidence: str
    advice: str

    def __str__(self) -> str:
        where = f" at {self.layer}" if self.layer else ""
        return f"{self.verdict}{where}\n  {self.evidence}\n  {self.advice}"

    def markdown(self) -> str:
        """Returns the same for TensorBoard's Text tab."""
        where = f" at `{self.layer}`" if self.layer else ""
        return f"**{self.verdict}**{where}\n\n{self.evidence}\n\n{self.advice}"


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history."""
    return Diagnosis(HEALTHY, None, "No step was recorded.", ADVICE[HEALTHY])
