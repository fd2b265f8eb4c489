"""Cells for tests, from scores and verdicts that are given."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from deepxor.sweeps.axis import Axis
from deepxor.sweeps.cells import SOLVED, Cells, summarise


def cells_of(
    *axes: Axis,
    solved: Callable[..., float] = lambda *values: 1.0,
    verdict: Callable[..., str] = lambda *values: "healthy",
    error: Callable[..., str] = lambda *values: "",
    networks: int = 20,
) -> Cells:
    """Returns cells with a share of networks solved, all of a verdict.

    A share of NaN stands for a cell that is not trained. The functions take the values
    of the axes.
    """
    rows: list[dict[str, Any]] = []
    products = itertools.product(*(axis.values for axis in axes))
    for number, values in enumerate(products):
        if error(*values):
            rows.append({"cell": number, "error": error(*values)})
        share = solved(*values)
        if share != share:
            continue
        rows += [
            {
                "cell": number, SOLVED: i < share * networks, "cost": 0.25,
                "first_gradient": 1e-5, "last_gradient": 1e-2,
                "verdict": verdict(*values), "seconds": 0.5,
            }
            for i in range(networks)
        ]  # fmt: skip
    return summarise(axes, SOLVED, rows)
