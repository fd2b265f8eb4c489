"""A run's last record as a table of texts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepxor.events import gradient_flow
from deepxor.events.reader import GradientFlow
from deepxor.quantities import FRACTION, GRADIENT, LOG10, OUTPUTS, Quantity, in_tab

MISSING = "-"

# The largest number of layers in the table.
MAX_ROWS = 200


@dataclass(frozen=True)
class LastRecord:
    """Holds the last record of a run as texts.

    Attributes:
        step: The step of the record.
        headings: The labels of the quantities.
        rows: The name of each layer and its texts by quantity, in forward order, of the
            first `MAX_ROWS` layers.
        more: The number of layers that are left out.
    """

    step: int
    headings: list[str]
    rows: list[tuple[str, list[str]]]
    more: int = 0


def last_record(found: GradientFlow) -> LastRecord:
    """Returns the last record of a run.

    A quantity that is measured at some records only has its latest value.

    Args:
        found: The run's records of its gradients.
    """
    # The factors of the gradient's way back have a picture of their own in the tab, and
    # no room in this table.
    shown = [q for q in in_tab() if q.label is not None and q.source != OUTPUTS]
    table = gradient_flow.filled_forward(found.tables)[-1]
    rows = [
        (layer, [_cell(quantity, table[:, column]) for quantity in shown])
        for column, layer in enumerate(found.layers[:MAX_ROWS])
    ]
    headings = [str(quantity.label) for quantity in shown]
    more = len(found.layers) - len(rows)
    return LastRecord(int(found.steps[-1]), headings, rows, more)


def _cell(quantity: Quantity, values: np.ndarray) -> str:
    """Returns the text of a quantity for the values of one layer, [quantities]."""
    if gradient_flow.not_recorded(values[:, None])[0]:
        return MISSING
    value = float(values[gradient_flow.QUANTITIES.index(quantity.shown_name)])
    is_zero = gradient_flow.exactly_zero(values[:, None])[0]
    if quantity.source == GRADIENT:
        if quantity.display == LOG10 and is_zero:
            return "0"
        if not math.isfinite(value):
            return "not finite"
    return MISSING if math.isnan(value) else _text(quantity.display, value)


def _text(display: str, value: float) -> str:
    if display == LOG10:
        # A file may have a value whose power of ten is too large for a float.
        return f"{10 ** min(value, 300):.1e}" if math.isfinite(value) else "not finite"
    if display == FRACTION:
        # Only exact values are shown as 0 % and 100 %.
        shown = min(0.99, max(0.01, value)) if 0 < value < 1 else value
        return f"{100 * shown:.0f} %"
    return f"{value:.3g}"
