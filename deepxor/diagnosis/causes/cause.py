"""A cause of a fault, and a rule that finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from deepxor.diagnosis.evidence import Evidence


@dataclass(frozen=True)
class Cause:
    """Holds a likely cause of a fault.

    Attributes:
        name: The name of the cause, one of `causes.table.CAUSES`.
        evidence: One sentence with the numbers that speak for it.
        remedy: One sentence on what to change.
    """

    name: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.evidence} {self.remedy}"


class Found(NamedTuple):
    """Holds what a rule for a cause has found.

    Attributes:
        evidence: One sentence with the numbers.
        remedy: A sentence on what to change; None for the rule's own.
    """

    evidence: str
    remedy: str | None = None


@dataclass(frozen=True)
class CauseRule:
    """Describes a rule that leads from evidence to a cause, a row of the table.

    Attributes:
        name: The name of the cause. Several rules may find the same cause.
        find: A function of the evidence that returns what it found, or None.
        sign: What the rule looks for.
        remedy: A sentence on what to change.
        source: Where the rule comes from.
        is_static: Whether the first record is enough to tell.
        is_last_resort: Whether it is what is left if no other cause is found.
        verdicts: The verdicts that it can be a cause of; empty for all.
    """

    name: str
    find: Callable[[Evidence], Found | None]
    sign: str
    remedy: str
    source: str
    is_static: bool = False
    is_last_resort: bool = False
    verdicts: tuple[str, ...] = ()
