"""What a monitor writes of its records into a run's folder."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from deepxor import statistics
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.events.files import write_text
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.quantities import GRADIENT, LOG10, QUANTITIES, Quantity, in_tab


@dataclasses.dataclass(frozen=True)
class Written:
    """A record, as it is written.

    Attributes:
        layers: Names in forward order.
        table: A quantity's name -> float32 [layers].
        global_norm: L2 norm over all layers.
        loss: Of the batch; None if it is not known.
        skill: NaN if it was not measured.
        counts: int [layers, bins] of log10 of the gradients' elements, or None.
    """

    layers: Sequence[str]
    table: Mapping[str, np.ndarray]
    global_norm: float
    loss: float | None
    skill: float
    counts: np.ndarray | None


class RunWriter:
    """Writes records and the diagnosis of one fit.

    Args:
        log_dir: A folder, or a writer that is open already and stays so.
    """

    def __init__(self, log_dir: str | os.PathLike[str] | SummaryWriter) -> None:
        self._is_shared = isinstance(log_dir, SummaryWriter)
        self._writer = (
            log_dir if isinstance(log_dir, SummaryWriter) else SummaryWriter(log_dir)
        )

    def record(self, step: int, record: Written) -> None:
        """Has a record written, at once, by the writer's thread.

        Args:
            step: Its step.
            record: Not to be changed any more.
        """
        self._writer.check()
        self._writer.add(functools.partial(_add, record), step)
        self._writer.write()

    def diagnosis(self, diagnosis: Diagnosis, step: int) -> None:
        """Writes what there is to say at the end.

        Args:
            diagnosis: Of all records.
            step: That of the latest.
        """
        fields = dataclasses.asdict(diagnosis)
        self._writer.text("diagnosis", diagnosis.markdown(), step)
        self._writer.flow_diagnosis(fields, step)
        self._writer.flush()
        if not self._is_shared:
            # Last, so that whoever waits for it finds all the rest.
            text = json.dumps(fields, indent=2)
            write_text(self._writer.log_dir, "diagnosis.json", text + "\n")

    def close(self) -> None:
        """Sees to it that all is written, and closes a file of its own."""
        if self._is_shared:
            self._writer.flush()
        else:
            self._writer.close()


def shown(quantity: Quantity, values: np.ndarray) -> np.ndarray:
    """Returns the numbers of a chart or of the tab.

    Args:
        quantity: Of the table.
        values: As recorded.
    """
    is_log = quantity.display == LOG10
    return statistics.log10_norm(values) if is_log else values


def _add(record: Written, summary: StepSummary) -> None:
    (total,) = statistics.log10_norm(np.array([record.global_norm]))
    summary.scalar("global_gradient_norm_log10", total)
    if record.loss is not None:
        summary.scalar("cost", record.loss)
    if not np.isnan(record.skill):
        summary.scalar("skill", record.skill)
    flow = {q.shown_name: shown(q, record.table[q.name]) for q in in_tab()}
    summary.flow(record.layers, flow)
    for quantity in QUANTITIES:
        if quantity.chart is not None:
            _add_chart(summary, record, quantity)
    if record.counts is not None:
        for layer, row in zip(record.layers, record.counts, strict=True):
            tag = f"gradient_log10_histogram/{layer}"
            summary.histogram_counts(tag, statistics.LOG10_EDGES, row)


def _add_chart(summary: StepSummary, record: Written, quantity: Quantity) -> None:
    values = record.table[quantity.name]
    # NaN says that it was not measured; but that of a gradient that was is one itself.
    is_known = ~np.isnan(values)
    if quantity.source == GRADIENT:
        is_known = ~np.isnan(record.table["non_finite"])
    numbers = shown(quantity, values)
    for layer, number, known in zip(record.layers, numbers, is_known, strict=True):
        if known:
            summary.scalar(f"{quantity.chart}/{layer}", number)
