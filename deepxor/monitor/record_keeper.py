"""Turns the records of the device into records of the history and of the run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepxor.monitor.arguments import Arguments
from deepxor.monitor.attempts import Attempts
from deepxor.monitor.device_buffer import ACTIVITY, Record
from deepxor.monitor.history import BatchFacts, History
from deepxor.monitor.measure.facts import output_facts
from deepxor.monitor.measure.pool import Looked, Pool
from deepxor.monitor.measure.skill import MIN_SAMPLES
from deepxor.monitor.optimizers import step_count
from deepxor.monitor.recorder import StepRecorder
from deepxor.monitor.run_writer import RunWriter, Written
from deepxor.monitor.schedule import BackoffSchedule, Schedule
from deepxor.quantities import GRADIENT, RECURRENCE, WEIGHTS, names
from deepxor.record_steps import is_power_of_two, is_regular

NO_OUTPUTS = "the targets and predictions of the training step are not seen"


@dataclass
class _Held:
    """Holds a record that waits for the samples of the steps right after it."""

    record: Record
    table: np.ndarray
    loss: float
    is_loss_seen: bool
    has_facts: bool
    learning_rate: float


class RecordKeeper:
    """Completes records with what is measured outside of the step, and keeps them.

    Args:
        arguments: The arguments of the monitor.
        history: The history that the records are added to.
        schedule: The schedule that says which steps are records.
        attempts: Runs the measurements that may fail.
        to_writer: A function that calls its argument with the run's writer, if there is
            one.

    Attributes:
        last_logs: The logs of the latest training call.
    """

    def __init__(
        self,
        arguments: Arguments,
        history: History,
        schedule: Schedule,
        attempts: Attempts,
        to_writer: Callable[[Callable[[RunWriter], None]], None],
    ) -> None:
        self.last_logs: dict[str, Any] = {}
        self._arguments = arguments
        self._history = history
        self._schedule = schedule
        self._attempts = attempts
        self._to_writer = to_writer
        self._sparse = BackoffSchedule(0)
        self._pool = Pool(np.zeros(0, int), 0, arguments.sample)
        self._columns: list[int] = []
        # The looks at samples that belong to the record that is held.
        self._new_looks = 0
        self._inputs: list[str] = []
        self._held: list[_Held] = []
        # Whether a record waits for the samples of the steps right after it.
        self._is_waiting = False
        self._counts_before: dict[str, tuple[Any, int]] = {}
        self._recorder: StepRecorder

    def start(self, step: int, optimizers: Mapping[str, Any]) -> None:
        """Prepares for the first step of a fit.

        Args:
            step: The number of that step.
            optimizers: The optimizers of the model by their names.
        """
        self._sparse = BackoffSchedule(step)
        self._counts_before = {
            name: (x, step_count(x)) for name, x in optimizers.items()
        }

    def take(self, recorder: StepRecorder) -> None:
        """Begins to read from a recorder, whose layers join the history.

        Args:
            recorder: The recorder of the steps to come.
        """
        self._recorder = recorder
        self._columns = self._history.join(recorder.layers)
        self._history.model = recorder.model_facts
        self._pool = Pool(
            np.zeros(0, int), len(recorder.layers), self._arguments.sample
        )

    def read(self) -> None:
        """Reads the records since the last reading, and keeps them."""
        recorder = self._recorder
        updated, weights = recorder.updates.finish(self._schedule.step)
        reading = recorder.read()
        for record in reading.records:
            is_latest = record is reading.records[-1]
            self._note_bad(record, recorder)
            is_record = self._schedule.is_record(record.step) and recorder.layers
            if is_record and not (self._is_waiting and not self._is_regular(record)):
                self.release()
            if record.samples and is_latest:
                self._look(record, recorder)
            if is_record:
                shown = weights if record.step in updated else None
                self._hold(record, recorder, shown, is_latest)
        if reading.first_bad is not None:
            step, row = reading.first_bad
            layer = None if row is None else recorder.layers[row]
            self._history.note_bad((step, layer))
        if not self._schedule.looks_again:
            self.release()
        self._note_reasons(recorder)

    def _hold(
        self,
        record: Record,
        recorder: StepRecorder,
        weights: np.ndarray | None,
        is_latest: bool,
    ) -> None:
        """Makes the table of a record, and holds it until it has enough samples."""
        table = np.full((len(names()), len(recorder.layers)), np.nan, np.float32)
        table[_rows(GRADIENT)] = record.gradients
        for name, values in zip(ACTIVITY, record.activity, strict=True):
            table[names().index(name)] = values
        if weights is not None and weights.size:
            table[_rows(WEIGHTS)] = weights
        has_facts, rate = weights is not None and is_latest, float("nan")
        if has_facts:
            rate = self._learning_rate(recorder)
            # An early record must not put off that of one that diagnoses look at.
            if self._is_regular(record) and self._sparse.is_due(record.step):
                table[_rows(RECURRENCE)] = self._time_ratio(recorder)
        loss, is_seen = record.loss, recorder.sees_loss
        if not is_seen and "loss" in self.last_logs:
            loss, is_seen = float(self.last_logs["loss"]), True
        self._held.append(_Held(record, table, loss, is_seen, has_facts, rate))
        if record.samples and is_latest and self._is_regular(record):
            more = -(-self._arguments.sample // record.samples) - 1
            if self._schedule.look_again(more):
                self._pool.keep_latest()
            self._is_waiting = self._schedule.looks_again

    def _is_regular(self, record: Record) -> bool:
        return is_regular(record.step, self._schedule.every)

    def _look(self, record: Record, recorder: StepRecorder) -> None:
        """Adds the samples of a step to the pool."""
        look = recorder.latest_samples()
        if look is None:
            return
        if not np.array_equal(self._pool.rows, look.unit_rows):
            self._pool = Pool(
                look.unit_rows, len(recorder.layers), self._arguments.sample
            )
        silent = np.zeros(0, bool)
        if look.silent is not None:
            silent = look.silent.numpy().astype(bool)
        outputs = {
            name: samples.arrays(record.samples)
            for name, samples in look.outputs.items()
        }
        inputs = None if look.input_facts is None else look.input_facts.numpy()
        self._inputs = look.inputs
        self._pool.add(Looked(record.samples, silent, outputs, inputs))
        self._new_looks += 1

    def release(self) -> None:
        """Completes the records that wait for samples, keeps them and writes them."""
        held, self._held = self._held, []
        looks, self._new_looks = self._new_looks, 0
        self._is_waiting = False
        # The early records that have waited with a regular one share its samples.
        least = 0 if any(self._is_regular(one.record) for one in held) else MIN_SAMPLES
        of_data = (
            self._data_facts(looks, least)
            if any(one.has_facts for one in held)
            else ({}, {})
        )
        for one in held:
            record, table = one.record, one.table
            samples = 0
            if record.samples:
                samples = self._pool.samples
                dead = self._pool.dead_fraction()
                table[names().index("dead_fraction")] = dead
            facts = BatchFacts()
            if one.has_facts:
                facts = BatchFacts(one.learning_rate, *of_data)
            wide = self._widened(table)
            self._history.add(
                record.step, wide, record.global_norm, one.loss, samples,
                one.is_loss_seen, facts, self._is_regular(record),
            )  # fmt: skip
            self._write(one, table, facts)

    def _widened(self, table: np.ndarray) -> np.ndarray:
        """Returns the table with columns for all layers of the history."""
        wide = np.full((len(table), len(self._history.layers)), np.nan, np.float32)
        wide[:, self._columns] = table
        return wide

    def _time_ratio(self, recorder: StepRecorder) -> np.ndarray:
        look = recorder.latest_samples()
        missing = np.full(len(recorder.layers), np.nan, np.float32)
        if look is None:
            return missing
        kept = {key: samples.tensors() for key, samples in look.sequences.items()}
        found = self._attempts.run(
            "time_ratio", lambda: recorder.recurrence.measure(kept)
        )
        return missing if found is None else found

    def _data_facts(
        self, looks: int, least: int
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Returns the facts of outputs and of inputs, of all pooled samples.

        Args:
            looks: The number of looks that belong to the record itself.
            least: The smallest number of samples from which the skill is known.
        """
        measure = functools.partial(self._output_facts, looks, least)
        outputs = self._attempts.run("skill", measure) or {}
        inputs = self._pool.inputs()
        if inputs is None:
            return outputs, {}
        return outputs, dict(zip(self._inputs, inputs.T, strict=True))

    def _output_facts(self, looks: int, least: int) -> dict[str, np.ndarray]:
        found = {}
        latest = self._pool.outputs(looks)
        for name, (targets, given, *_) in self._pool.outputs().items():
            skill = self._recorder.skills[name]
            own_targets, own, *weights = latest[name]
            score = skill.measure(own_targets, own, weights)
            found[name] = output_facts(targets, given, score, skill.pooled(least))
        return found

    def _learning_rate(self, recorder: StepRecorder) -> float:
        found = self._attempts.run("learning_rate", recorder.learning_rate)
        return float("nan") if found is None else found

    def _note_bad(self, record: Record, recorder: StepRecorder) -> None:
        """Notes the first gradients of a record that are not finite or not seen."""
        non_finite = record.gradients[names(GRADIENT).index("non_finite")]
        unseen = [recorder.layers[row] for row in np.flatnonzero(np.isnan(non_finite))]
        if unseen:
            self._history.notes.setdefault(
                "norm",
                f"at step {record.step} no optimizer got a gradient of "
                f"{', '.join(unseen)}, or it left the step out as it overflowed",
            )
        bad = np.flatnonzero(non_finite > 0)
        if len(bad):
            self._history.note_bad((record.step, recorder.layers[bad[-1]]))

    def _note_reasons(self, recorder: StepRecorder) -> None:
        notes = self._history.notes
        notes.update(recorder.reasons)
        reasons = {name: x.reason for name, x in recorder.skills.items() if x.reason}
        if not recorder.skills:
            notes["skill"] = NO_OUTPUTS
        elif reasons:
            notes["skill"] = next(iter(reasons.values()))
        if not recorder.sees_loss and "loss" not in self.last_logs:
            notes["loss"] = "the training step neither scales nor reports a loss"
        unseen = [
            name
            for name, (optimizer, before) in self._counts_before.items()
            if id(optimizer) not in recorder.seen_optimizers
            and step_count(optimizer) > before
        ]
        if unseen:
            notes["norm"] = (
                f"the gradients of {', '.join(unseen)} are not seen: applied out of "
                "sight, as in a tf.function that had been traced before"
            )
        many = [
            f"{name} {count}"
            for name, count in zip(recorder.layers, recorder.applied, strict=True)
            if count > 1
        ]
        if many:
            notes["applications"] = (
                "a step applies several gradients to a layer, of which the last is "
                f"recorded: {', '.join(many)}"
            )

    def _has_histogram(self, step: int) -> bool:
        """Whether a record has a histogram: regular ones in turn, and powers of two."""
        every = self._schedule.every
        if not is_regular(step, every):
            return is_power_of_two(step)
        return step // every % self._arguments.histograms == 0

    def _write(self, held: _Held, table: np.ndarray, facts: BatchFacts) -> None:
        recorder, record = self._recorder, held.record
        counts = record.counts
        if counts is not None and not self._has_histogram(record.step):
            counts = None
        written = Written(
            recorder.layers,
            {name: table[i] for i, name in enumerate(names())},
            record.global_norm,
            held.loss if held.is_loss_seen else None,
            facts,
            counts,
        )
        self._to_writer(lambda writer: writer.record(record.step, written))


def _rows(source: str) -> list[int]:
    return [names().index(name) for name in names(source)]
