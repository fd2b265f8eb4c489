"""The table of a sweep: one row a cell, from the rows of the networks in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepxor.statistics import finite_percentiles, wilson_interval
from deepxor.sweeps.axis import Axis
from deepxor.verdicts import HEALTHY, VERDICTS

# The names of the two kinds of score: the share of networks that are right on every
# sample, and the mean of the share of samples on which they are right.
SOLVED, ACCURACY = "solved", "accuracy"


@dataclass(frozen=True)
class Cells:
    """Holds what is known of every cell of a sweep.

    Attributes:
        axes: The one or two axes.
        score: `SOLVED` or `ACCURACY`, which says what the score of a cell is.
        table: The rows, a record array [cells]. The cells are in the order of
            `itertools.product` of the axes' values. NaN stands for what is not known.
            Its columns are the axes' names and

            - networks: the number of networks that have been trained;
            - score, score_low, score_high: the score, and its 95 % interval: Wilson's
              for a share, Student's for a mean;
            - cost, first_gradient, last_gradient: medians over the networks with a
              finite value: the cost at the end, and the gradient norms of the first
              and the last layer before the first step;
            - decades: log10 of last_gradient over first_gradient, infinite where the
              first is exactly 0;
            - a column for each verdict, the share of networks that have it;
            - verdict: the commonest verdict, a fault rather than healthy if both are as
              common; empty if there is none;
            - seconds: the time that the training of the networks took;
            - error: why networks could not be trained; empty if they could.
    """

    axes: tuple[Axis, ...]
    score: str
    table: np.recarray[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    def grid(self, column: str) -> np.ndarray:
        """Returns a column as an array over the axes.

        Args:
            column: The name of the column.

        Returns:
            The values, of shape `shape`.
        """
        return np.asarray(self.table[column]).reshape(self.shape)


def summarise(
    axes: Sequence[Axis], score: str, networks: Iterable[Mapping[str, Any]]
) -> Cells:
    """Returns the table of the cells.

    Args:
        axes: The one or two axes.
        score: `SOLVED` or `ACCURACY`, the key of a network's score.
        networks: The networks that have been trained, or could not be, in any order;
            each with "cell", the number of its cell, and either "error" or the keys
            `score`, "cost", "first_gradient", "last_gradient", "verdict" and "seconds".
    """
    by_cell: dict[int, list[Mapping[str, Any]]] = {}
    for network in networks:
        by_cell.setdefault(int(network["cell"]), []).append(network)
    rows = [
        (*values, *_summary(score, by_cell.get(number, [])).values())
        for number, values in enumerate(
            itertools.product(*(axis.values for axis in axes))
        )
    ]
    names = [*(axis.name for axis in axes), *_summary(score, [])]
    table = np.rec.fromrecords(rows, names=names)  # type: ignore[call-overload]
    return Cells(tuple(axes), score, table)


def _summary(score: str, networks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    trained = [network for network in networks if not network.get("error")]
    errors = sorted({network["error"] for network in networks if network.get("error")})
    scores = np.array([float(network[score]) for network in trained])
    mean, low, high = _interval(score, scores)
    cost, first, last = (
        _median([network[name] for network in trained])
        for name in ("cost", "first_gradient", "last_gradient")
    )
    names = [network["verdict"] for network in trained]
    counts = {verdict.name: names.count(verdict.name) for verdict in VERDICTS}
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = float(np.log10(last) - np.log10(first))
    return {
        "networks": len(trained),
        "score": mean,
        "score_low": low,
        "score_high": high,
        "cost": cost,
        "first_gradient": first,
        "last_gradient": last,
        "decades": decades,
        **{
            name: count / len(names) if names else np.nan
            for name, count in counts.items()
        },
        "verdict": _commonest(counts) if names else "",
        "seconds": float(sum(network["seconds"] for network in trained)),
        "error": "; ".join(errors),
    }


def _commonest(counts: Mapping[str, int]) -> str:
    return max(counts, key=lambda name: (counts[name], name != HEALTHY))


def _interval(score: str, scores: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean and its 95 % interval; NaN where they are not known."""
    if not len(scores):
        return np.nan, np.nan, np.nan
    mean = float(scores.mean())
    if score == SOLVED:
        return mean, *wilson_interval(int(scores.sum()), len(scores))
    if len(scores) < 2:
        return mean, np.nan, np.nan
    from scipy.stats import t  # half a second that other commands need not spend

    error = float(scores.std(ddof=1)) / len(scores) ** 0.5
    half = float(t.ppf(0.975, len(scores) - 1)) * error
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _median(values: Sequence[float]) -> float:
    if not values:
        return np.nan
    return float(finite_percentiles(np.array(values, np.float64), 50)[0])
