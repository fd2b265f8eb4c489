"""One trial: what it is, and what can be wrong with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.torture.reference import Reference

# What must not happen, and what it means.
LOST, TRACEBACK, SILENT = "lost", "traceback", "silent"
FAULTS = {
    LOST: "Something that had been written, or a name, is gone, or is there twice.",
    TRACEBACK: "A command ends with a traceback, with more than one line, by itself "
    "with a status that is not documented, or not at all.",
    SILENT: "A command ends as if nothing were wrong, and something is.",
}


class FaultError(Exception):
    """Says that a trial has failed, and how.

    Args:
        fault: One of `FAULTS`.
        detail: What was seen.
    """

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail


# A function that tries one thing with a source of chance, in an empty folder of its
# own, and raises a `FaultError` if it fails. It returns a word for what happened.
Attempt = Callable[[random.Random, Path, Reference], str]


@dataclass(frozen=True)
class Kind:
    """A kind of trial.

    Attributes:
        name: The name.
        doc: What is done, in a sentence.
        share: How many of a thousand trials are of the kind.
        attempt: What does it.
    """

    name: str
    doc: str
    share: int
    attempt: Attempt


@dataclass(frozen=True)
class Outcome:
    """How a trial has ended.

    Attributes:
        kind: The name of its kind.
        seed: The seed with which it can be done again.
        word: A word for what happened; empty if it failed.
        fault: One of `FAULTS`; empty if it did not fail.
        detail: What was seen.
    """

    kind: str
    seed: int
    word: str = ""
    fault: str = ""
    detail: str = ""
