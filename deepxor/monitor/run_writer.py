"""Writes the records of a monitor into the folder of a run."""

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
from deepxor.events.layout import CATEGORY, gradient_chart
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.history import BatchFacts
from deepxor.quantities import GRADIENT, LOG10, QUANTITIES, Quantity, in_tab


@dataclasses.dataclass(frozen=True)
class Written:
    """Holds a record in the form in which it is written.

    Attributes:
        layers: The names of the layers in forward order.
        table: Maps the name of a quantity to its values, float32 [layers].
        global_norm: The L2 norm of the gradient over all layers.
        loss: The loss of the batch; None if it is not known.
        facts: What is known of the batch.
        counts: int [layers, bins], the histogram of log10 of the absolute gradient
            elements; None to write none.
    """

    layers: Sequence[str]
    table: Mapping[str, np.ndarray]
    global_norm: float
    loss: float | None
    facts: BatchFacts
    counts: np.ndarray | None


class RunWriter:
    """Writes the records and the diagnosis of one fit.

    Args:
        log_dir: The folder to write to, or an open writer, which is left open.
    """

    def __init__(self, log_dir: str | os.PathLike[str] | SummaryWriter) -> None:
        self._is_shared = isinstance(log_dir, SummaryWriter)
        self._writer = (
            log_dir if isinstance(log_dir, SummaryWriter) else SummaryWriter(log_dir)
        )
        self._has_layout = False

    def record(self, step: int, record: Written) -> None:
        """Hands a record to the writer's thread, which writes it at once.

        Args:
            step: The number of the record's step.
            record: The record, which must not be changed any more.
        """
        self._writer.check()
        if not self._has_layout:
            charts = [gradient_chart()]
            self._writer.add(lambda to: to.custom_scalars(charts, CATEGORY), step)
            self._has_layout = True
        self._writer.add(functools.partial(_add, record), step)
        self._writer.write()

    def live_diagnosis(
        self, diagnosis: Diagnosis, fault_step: int | None, step: int
    ) -> None:
        """Writes a diagnosis of a training that goes on, for the Gradient flow tab.

        Args:
            diagnosis: The diagnosis of the records so far.
            fault_step: The step of the first record that showed the fault, or None.
            step: The step of the latest record.
        """
        more = {"is_running": True, "fault_step": fault_step}
        self._writer.flow_diagnosis({**diagnosis.texts(), **more}, step)
        self._writer.write()

    def diagnosis(
        self, diagnosis: Diagnosis, fault_step: int | None, step: int
    ) -> None:
        """Writes the diagnosis, and diagnosis.json if the writer is not shared.

        Args:
            diagnosis: The diagnosis of all records.
            fault_step: The step of the first record that showed the fault, or None.
            step: The step of the latest record.
        """
        self._writer.text("diagnosis", diagnosis.markdown(), step)
        self._writer.flow_diagnosis(
            {**diagnosis.texts(), "fault_step": fault_step}, step
        )
        self._writer.flush()
        if not self._is_shared:
            # The file comes last, so that a program that waits for it finds the rest.
            text = json.dumps(dataclasses.asdict(diagnosis), indent=2)
            write_text(self._writer.log_dir, "diagnosis.json", text + "\n")

    def close(self) -> None:
        """Flushes the writer, and closes it unless it is shared."""
        if self._is_shared:
            self._writer.flush()
        else:
            self._writer.close()


def shown(quantity: Quantity, values: np.ndarray) -> np.ndarray:
    """Returns the values of a quantity as a chart or the tab shows them.

    Args:
        quantity: The quantity.
        values: The recorded values, of any shape.
    """
    is_log = quantity.display == LOG10
    return statistics.log10_norm(values) if is_log else values


def _add(record: Written, summary: StepSummary) -> None:
    (total,) = statistics.log10_norm(np.array([record.global_norm]))
    summary.scalar("global_gradient_norm_log10", total)
    if record.loss is not None:
        summary.scalar("cost", record.loss)
    skills = record.facts.skills
    for name, skill in skills.items():
        if not np.isnan(skill):
            tag = "skill" if len(skills) == 1 else f"skill/{name}"
            summary.scalar(tag, skill)
    if not np.isnan(record.facts.learning_rate):
        summary.scalar("learning_rate", record.facts.learning_rate)
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
    # NaN means that a quantity was not measured, except for a gradient's quantities,
    # which may be NaN themselves. There `non_finite` says whether it was measured.
    is_known = ~np.isnan(values)
    if quantity.source == GRADIENT:
        is_known = ~np.isnan(record.table["non_finite"])
    numbers = shown(quantity, values)
    for layer, number, known in zip(record.layers, numbers, is_known, strict=True):
        if known:
            summary.scalar(f"{quantity.chart}/{layer}", number)
