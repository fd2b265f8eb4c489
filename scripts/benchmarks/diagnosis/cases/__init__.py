"""The cases of the diagnosis benchmark, and the two parts that they are divided into.

The cases come in families. Every other case is for designing rules, and those between
are for reporting how good the rules are. Both parts have cases of every kind and of
every family.
"""

from __future__ import annotations

from scripts.benchmarks.diagnosis.cases.ambiguous import AMBIGUOUS
from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.cases.dead import DEAD_CASES
from scripts.benchmarks.diagnosis.cases.exploding import EXPLODING_CASES
from scripts.benchmarks.diagnosis.cases.hard import HARD_CASES
from scripts.benchmarks.diagnosis.cases.healthy import HEALTHY_CASES
from scripts.benchmarks.diagnosis.cases.not_learning import NOT_LEARNING_CASES
from scripts.benchmarks.diagnosis.cases.saturated import SATURATED_CASES
from scripts.benchmarks.diagnosis.cases.vanishing import VANISHING_CASES

__all__ = ["AMBIGUOUS", "CASES", "PARTS", "part_of"]

PARTS = ("design", "report")

_GROUPS = (
    HEALTHY_CASES,
    VANISHING_CASES,
    EXPLODING_CASES,
    DEAD_CASES,
    SATURATED_CASES,
    NOT_LEARNING_CASES,
    HARD_CASES,
)

CASES = tuple(case for cases in _GROUPS for case in cases)

_PART_OF = {case.name: "ambiguous" for case in AMBIGUOUS} | {
    case.name: PARTS[i % 2] for cases in _GROUPS for i, case in enumerate(cases)
}


def part_of(case: Case) -> str:
    """Returns whether a case is for designing rules or for reporting on them.

    Args:
        case: One of `CASES` or of `AMBIGUOUS`.

    Returns:
        One of `PARTS`, or "ambiguous".
    """
    return _PART_OF[case.name]
