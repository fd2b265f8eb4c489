"""Tests of whether rates of success differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Holds a comparison of a rate of success with that of the baseline.

    Attributes:
        first: The name of the rate.
        second: The name of the baseline's rate.
        first_counts: The successes and the trials of the first rate.
        second_counts: The successes and the trials of the baseline's rate.
        p: The p value of Fisher's exact test, two-sided, corrected for the number of
            comparisons by Holm's method.
        comparisons: The number of comparisons.
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


def compare_rates(
    counts: Mapping[str, tuple[int, int]], baseline: str
) -> list[Comparison]:
    """Compares each rate of success with that of the baseline.

    Not every pair is compared, as nothing would be significant after the correction for
    so many pairs, and nobody reads a line for each.

    Args:
        counts: The successes and the trials by name, each with at least one trial.
        baseline: The name that all others are compared with.

    Returns:
        A comparison for each other name, in the order of the names.
    """
    names = [name for name in counts if name != baseline]
    p_values = holm([fisher(counts[name], counts[baseline]) for name in names])
    return [
        Comparison(name, baseline, counts[name], counts[baseline], p, len(names))
        for name, p in zip(names, p_values, strict=True)
    ]


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Returns the p value of Fisher's exact test, two-sided.

    The test is exact for few trials and extreme rates, too. If networks of the same
    seed start from related weights in both groups, the true p value is smaller.

    Args:
        first: The successes and the trials of the first group.
        second: The successes and the trials of the second group.
    """
    from scipy.stats import fisher_exact  # takes half a second to import

    table = [[solved, trials - solved] for solved, trials in (first, second)]
    return float(fisher_exact(table).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for their number (Holm 1979).

    The smallest value is multiplied by their number, the next by one less, and so on.
    No corrected value is below that of a smaller one, or above 1.

    Args:
        p_values: The p values, each from 0 to 1.

    Returns:
        The corrected p values in the same order.

    Example:
        >>> holm([0.5, 0.25])
        [0.5, 0.5]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def p_text(p: float) -> str:
    """Returns a p value as a text.

    Args:
        p: The p value, from 0 to 1.

    Example:
        >>> p_text(0.0312), p_text(1e-20)
        ('p = 0.031', 'p < 1e-15')
    """
    if p < 1e-15:  # smaller values are within the rounding of the computation
        return "p < 1e-15"
    return f"p = {p:.2g}"
