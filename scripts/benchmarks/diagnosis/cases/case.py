"""A case of the diagnosis benchmark: what is trained, and which verdict is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from deepxor.verdicts import UNDECIDED, VERDICTS
from scripts.benchmarks.diagnosis.setup import Setup

# The verdicts that can be right. A rule may answer that it is undecided, but no model
# of the benchmark is.
KINDS = tuple(verdict.name for verdict in VERDICTS if verdict.name != UNDECIDED)

# The kind of the few cases that are not scored.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Case:
    """A model of the benchmark.

    Attributes:
        name: The case's name, which no other case has.
        kind: The right verdict: one of `KINDS`, or `UNKNOWN`.
        setup: What is trained and recorded.
        remedy: The settings of `Setup` that make a faulty model learn; empty for a
            healthy one.
        before: The settings of `Setup` with which the model is trained before the
            recorded training; None if it is not.
        patience: A slow healthy model learns in so many times the epochs of its setup,
            and a faulty model does not.
        causes: The names of the causes that a right diagnosis may name, the main one
            first; empty if the case is of a kind of gradient or healthy.
        seed: The seed of the initial weights and of the order of samples.
    """

    name: str
    kind: str
    setup: Setup
    remedy: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    patience: int = 1
    causes: tuple[str, ...] = ()
    seed: int = 0

    def remedied(self) -> Case:
        """Returns the same case with the remedy."""
        setup = replace(self.setup, **self.remedy)
        return replace(self, setup=setup, remedy={}, name=f"{self.name}, remedied")

    def prolonged(self) -> Case:
        """Returns the same case, trained `patience` times as long."""
        setup = replace(self.setup, epochs=self.setup.epochs * self.patience)
        return replace(self, setup=setup, patience=1, name=f"{self.name}, prolonged")

    @property
    def recipe(self) -> str:
        """All settings that decide the training and differ from their defaults."""
        parts = [("seed", self.seed), ("before", self.before)]
        for attribute in fields(Setup):
            value = getattr(self.setup, attribute.name)
            if value != attribute.default:
                parts.append((attribute.name, value))
        return ", ".join(f"{name}={value!r}" for name, value in parts)
