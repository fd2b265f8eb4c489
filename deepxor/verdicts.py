"""What a diagnosis can say: the one table of verdicts; no imports of ours.

The colours on the console, in the report and in TensorBoard and the list in the docs
are derived from the table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Describes one verdict, a row of the table.

    Attributes:
        name: The name, which is the value of `Diagnosis.verdict`.
        colour: The colour as `#rrggbb`, dark enough for white letters on it (WCAG AA).
        advice: One sentence on what to change.
    """

    name: str
    colour: str
    advice: str


HEALTHY = "healthy"
VANISHING = "vanishing"
EXPLODING = "exploding"
DEAD = "dead"
SATURATED = "saturated"
NOT_LEARNING = "not_learning"
UNDECIDED = "undecided"

VERDICTS: tuple[Verdict, ...] = (
    Verdict(
        HEALTHY, "#00695c", "Nothing to mend in the gradient: it reaches every layer."
    ),
    Verdict(
        VANISHING,
        "#4527a0",
        "Use an activation whose slope does not shrink the gradient (relu with he "
        "initialization, or tanh with glorot), normalization or residual connections, "
        "or fewer layers.",
    ),
    Verdict(
        EXPLODING,
        "#b71c1c",
        "Lower the learning rate tenfold, scale the inputs and the initial weights (he "
        "or glorot), or clip the gradients.",
    ),
    Verdict(
        DEAD,
        "#37474f",
        "Use an activation with a slope on both sides (leaky_relu, elu), he "
        "initialization with biases of zero, and inputs of mean zero; a lower learning "
        "rate keeps units from dying later.",
    ),
    Verdict(
        SATURATED,
        "#9a4600",
        "Scale the inputs to mean zero and variance one, start from smaller weights "
        "(glorot) and biases of zero, or lower the learning rate; relu has no upper "
        "flat part.",
    ),
    Verdict(
        NOT_LEARNING,
        "#6d1b7b",
        "The gradient is not at fault: look at the data, at the loss and the output "
        "activation, and at the learning rate.",
    ),
    Verdict(
        UNDECIDED,
        "#616161",
        "Train for more steps, or record more often with a smaller `every`.",
    ),
)


def by_name() -> dict[str, Verdict]:
    """Returns the table as a dictionary from the name to the verdict."""
    return {verdict.name: verdict for verdict in VERDICTS}


def advice(name: str) -> str:
    """Returns a verdict's sentence on what to change.

    Args:
        name: The name of a verdict.
    """
    return by_name()[name].advice


def verdict_style(name: str | None) -> str:
    """Returns the style of a verdict on the console, in the words of rich.

    Args:
        name: Any text or None, as it may come from a file.

    Returns:
        The style; empty if the name is not that of a verdict.
    """
    verdict = by_name().get(name or "")
    return f"white on {verdict.colour}" if verdict else ""
