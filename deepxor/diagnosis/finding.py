"""What a rule of the diagnosis has found."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Holds what a rule has found.

    Attributes:
        layer: The name of the layer where the fault shows; None for no layer in
            particular.
        evidence: One sentence with the numbers.
        advice: A sentence on what to change; None for the rule's own.
    """

    layer: str | None
    evidence: str
    advice: str | None = None
