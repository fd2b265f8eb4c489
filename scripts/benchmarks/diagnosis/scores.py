"""The scores of verdicts: precision, recall and confusion, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.statistics import wilson_interval
from deepxor.verdicts import HEALTHY
from scripts.benchmarks.diagnosis.cases.case import KINDS, Case


@dataclass(frozen=True)
class Rate:
    """A share of cases.

    Attributes:
        count: The number of cases that are counted.
        total: The number of cases that could have been counted; may be 0.
    """

    count: int
    total: int

    def __str__(self) -> str:
        return f"{self.count / self.total:.2f}" if self.total else "-"

    def with_interval(self) -> str:
        """Returns the rate with its 95 % interval, as in "0.97 (0.90-0.99)"."""
        if not self.total:
            return "-"
        low, high = wilson_interval(self.count, self.total)
        return f"{self} ({low:.2f}-{high:.2f})"


def precision(truths: Sequence[str], verdicts: Sequence[str], kind: str) -> Rate:
    """Returns how many of the cases called a kind are of that kind.

    Args:
        truths: The kind of each case.
        verdicts: The verdict on each case.
        kind: A kind; "fault" for every kind but healthy.

    Returns:
        The cases that are called the kind and are of it, among those called the kind.
    """
    called = [t for t, v in zip(truths, verdicts, strict=True) if _is_of(v, kind)]
    return Rate(sum(_is_of(truth, kind) for truth in called), len(called))


def recall(truths: Sequence[str], verdicts: Sequence[str], kind: str) -> Rate:
    """Returns how many of the cases of a kind are called that kind.

    Args:
        truths: The kind of each case.
        verdicts: The verdict on each case.
        kind: A kind; "fault" for every kind but healthy.

    Returns:
        The cases that are of the kind and are called it, among those of the kind.
    """
    return precision(verdicts, truths, kind)


def right(truths: Sequence[str], verdicts: Sequence[str]) -> Rate:
    """Returns how many of all cases have exactly the right verdict."""
    pairs = zip(truths, verdicts, strict=True)
    return Rate(sum(truth == verdict for truth, verdict in pairs), len(truths))


def _is_of(kind: str, wanted: str) -> bool:
    return kind != HEALTHY if wanted == "fault" else kind == wanted


def tables(truths: Sequence[str], verdicts: Mapping[str, Sequence[str]]) -> str:
    """Returns the tables of several rules as Markdown.

    Args:
        truths: The kind of each case.
        verdicts: The name of each set of rules, and its verdict on each case. The first
            set gets a table of what is called what.

    Returns:
        The number of cases of each kind, and three tables.
    """
    faulty = sum(truth != HEALTHY for truth in truths)
    counts = ", ".join(f"{truths.count(kind)} {kind}" for kind in KINDS)
    ours = next(iter(verdicts))
    return (
        f"{len(truths)} models, {faulty} of them faulty: {counts}.\n\n"
        "A fault, whatever its kind, against healthy; and the verdict exactly right "
        "(95 % intervals):\n\n"
        + _summary(truths, verdicts)
        + "\nPrecision / recall of each verdict:\n\n"
        + _by_kind(truths, verdicts)
        + f"\nWhat {ours} calls what:\n\n"
        + _confusion(truths, verdicts[ours])
    )


def causes(cases: Sequence[Case], found: Sequence[Diagnosis]) -> str:
    """Returns how often the causes of models that do not learn are named, as Markdown.

    Args:
        cases: The cases; those without known causes do not count.
        found: The diagnosis of each case.
    """
    pairs = [(x, d) for x, d in zip(cases, found, strict=True) if x.causes]
    named = {
        most: [[c.name in x.causes for c in d.causes[:most]] for x, d in pairs]
        for most in (1, 3)
    }
    rows = [
        (
            "the first" if most == 1 else "any of at most three",
            Rate(sum(any(row) for row in hits), len(pairs)).with_interval(),
            Rate(sum(map(sum, hits)), sum(map(len, hits))).with_interval(),
        )
        for most, hits in named.items()
    ]
    return "\nThe causes of models that do not learn for other reasons:\n\n" + table(
        ("cause", "named", "precision"), rows
    )


def misjudged(cases: Sequence[Case], found: Sequence[Diagnosis]) -> str:
    """Returns the list of cases whose diagnosis is not right, as Markdown."""
    lines = [
        f"- {case.name}: {case.kind}, called {diagnosis.verdict}. {diagnosis.evidence}"
        for case, diagnosis in zip(cases, found, strict=True)
        if case.kind != diagnosis.verdict
    ]
    return "\nMisjudged:\n\n" + "\n".join(lines or ["- none"]) + "\n"


def _summary(truths: Sequence[str], verdicts: Mapping[str, Sequence[str]]) -> str:
    rows = [
        (
            name,
            precision(truths, called, "fault").with_interval(),
            recall(truths, called, "fault").with_interval(),
            right(truths, called).with_interval(),
        )
        for name, called in verdicts.items()
    ]
    return table(("rules", "precision", "recall", "exactly right"), rows)


def _by_kind(truths: Sequence[str], verdicts: Mapping[str, Sequence[str]]) -> str:
    rows = []
    for name, called in verdicts.items():
        rates = [
            f"{precision(truths, called, kind)} / {recall(truths, called, kind)}"
            for kind in KINDS
        ]
        rows.append((name, *rates))
    return table(("rules", *KINDS), rows)


def _confusion(truths: Sequence[str], verdicts: Sequence[str]) -> str:
    pairs = list(zip(truths, verdicts, strict=True))
    rows = [
        (truth, *(str(pairs.count((truth, verdict))) for verdict in KINDS))
        for truth in KINDS
    ]
    return table(("is, called", *KINDS), rows)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table as Markdown.

    Args:
        headings: The headings of the columns.
        rows: The texts of each row.
    """
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
