"""Programs as people ask about them, each with its repair, in two parts.

They are of our own making, after what is asked again and again. A part is chosen by the
name of the program, so that nobody's taste decides what is reported.
"""

from __future__ import annotations

import hashlib

from scripts.benchmarks.diagnosis.programs.answers import ANSWERS
from scripts.benchmarks.diagnosis.programs.program import Program
from scripts.benchmarks.diagnosis.programs.scales import SCALES
from scripts.benchmarks.diagnosis.programs.trainings import TRAININGS

PROGRAMS: tuple[Program, ...] = (*ANSWERS, *SCALES, *TRAININGS)


def part_of(program: Program) -> str:
    """Returns "design" or "report", the part of a program.

    Args:
        program: One of `PROGRAMS`.
    """
    digest = hashlib.sha256(program.name.encode()).digest()
    return ("design", "report")[digest[0] % 2]
