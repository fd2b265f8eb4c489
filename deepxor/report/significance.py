"""Whether two rates of success differ by more than chance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Of more than this many rates not every pair is compared, but each with the first: the
# correction for so many pairs would leave nothing to be found.
MAX_PAIRED = 6

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two rates of success, and how likely chance makes them differ so much.

    Attributes:
        first: The name of one.
        second: The name of the other.
        first_counts: Successes and trials of the first.
        second_counts: Likewise of the second.
        p: Fisher's exact test, two-sided, corrected for the number of comparisons by
            Holm's method.
        comparisons: Their number.
    """

    first: str
    second: str
    first_counts: tuple[int, int]
    second_counts: tuple[int, int]
    p: float
    comparisons: int

    @property
    def is_significant(self) -> bool:
        """Whether `p` is below `LEVEL`."""
        return self.p < LEVEL

    def __str__(self) -> str:
        (a, n), (b, m) = self.first_counts, self.second_counts
        what = "a significant difference" if self.is_significant else "no significant"
        what += "" if self.is_significant else " difference"
        return (
            f"solved: {self.first} {a} of {n}, {self.second} {b} of {m}: {what}, "
            f"{p_text(self.p)}"
        )


def compare_rates(counts: Mapping[str, tuple[int, int]]) -> list[Comparison]:
    """Compares rates of success, every pair or each with the first.

    Args:
        counts: Name -> successes and trials, at least one trial; the first name is the
            one to compare with where there are more than `MAX_PAIRED`.

    Returns:
        The comparisons, in the order of the names.
    """
    names = list(counts)
    if len(names) <= MAX_PAIRED:
        pairs = list(itertools.combinations(names, 2))
    else:
        pairs = [(names[0], name) for name in names[1:]]
    p_values = holm([fisher(counts[a], counts[b]) for a, b in pairs])
    return [
        Comparison(a, b, counts[a], counts[b], p, len(pairs))
        for (a, b), p in zip(pairs, p_values, strict=True)
    ]


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Returns the p value of Fisher's exact test, two-sided.

    It is exact however few the trials are and however extreme the rates. Networks of
    one seed may start from related weights in both; then the true p is smaller still.

    Args:
        first: Successes and trials.
        second: Likewise.
    """
    from scipy.stats import fisher_exact  # half a second

    table = [[solved, trials - solved] for solved, trials in (first, second)]
    return float(fisher_exact(table).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for their number (Holm 1979).

    The smallest is multiplied by their number, the next by one less, and so on; none
    ends below a smaller one, or above 1.

    Args:
        p_values: Each from 0 to 1.

    Returns:
        The corrected ones, in the same order.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def p_text(p: float) -> str:
    """Returns a p value as one writes it, as in "p = 0.031" or "p < 1e-15"."""
    if p < 1e-15:  # smaller ones are no better known
        return "p < 1e-15"
    return f"p = {p:.2g}"
