"""The part of the monitor that runs inside the training step, and its variables."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.device_buffer import CAPACITY, DeviceBuffer, Record
from deepxor.monitor.engine.base import Application, StepView
from deepxor.monitor.layers import Owners, Row
from deepxor.monitor.measure.gradients import (
    carried_statistics,
    dense,
    gradient_statistics,
    log10_counts,
    unscaled,
)
from deepxor.monitor.measure.recurrence import Recurrence
from deepxor.monitor.measure.skill import Skill
from deepxor.monitor.measure.tracing import step_variable
from deepxor.monitor.measure.weights import Updates
from deepxor.monitor.sample_recorder import KeptSamples, SampleRecorder
from deepxor.monitor.schedule import Detail
from deepxor.quantities import GRADIENT, names

# Gradients of up to this many elements, biases most of them, are looked at in every
# step for NaN and infinity: those of one layer spread to all layers before it.
WATCHED_SIZE = 1024

# A step that does not come.
NEVER = np.iinfo(np.int64).max

# Where the numbers of the state stand; behind them, for each row, the first step
# watched whose gradient was not finite.
_STEP, _COUNT, _LOOK, _BAD = range(4)


class Reading(NamedTuple):
    """What there is to read after a call.

    Attributes:
        records: Since the last reading, steps rising.
        first_bad: The first step watched with a gradient that was not finite, and its
            row, of several the last; None for no row, or for no such step.
    """

    records: list[Record]
    first_bad: tuple[int, int | None] | None


class _Entry(NamedTuple):
    """The latest gradient of a variable in a step."""

    variable: keras.Variable
    gradient: Any
    application: Application


class StepRecorder:
    """Measures the steps that are records, into a small ring of variables.

    Args:
        view: Of the first step.
        rows: Those of the table, in forward order.
        sample: Samples of a batch to look at, at most; 0 for none.
        has_histograms: Whether the elements are counted, too.

    Attributes:
        layers: The rows' names.
        updates: Compares the weights of the rows.
        recurrence: Measures the recurrent layers among them.
        skill: Measures that of the predictions.
        reasons: What cannot be measured -> why.
        applied: How often a step calls each row's optimizers, [rows].
        seen_optimizers: The ids of those whose `apply` was seen.
        first_step: Where a first call is to be compared with the weights before it, its
            number; otherwise None.
        sees_loss: Whether the loss was seen in the step, in its latest trace.
        trainable_ids: Those of the variables that were trainable at the first step.
    """

    def __init__(
        self, view: StepView, rows: Sequence[Row], sample: int, has_histograms: bool
    ) -> None:
        self.layers = [row.name for row in rows]
        self._rows = list(rows)
        self._sample = sample
        self._row_of = {
            id(variable): number
            for number, row in enumerate(rows)
            for variable in row.variables
        }
        self.reasons: dict[str, str] = {}
        self.updates = Updates([row.variables for row in rows])
        self.skill = Skill(getattr(view.model, "loss", None))
        self.recurrence = self._make_recurrence(view)
        self.applied = np.zeros(len(rows), int)
        self.seen_optimizers: set[int] = set()
        self._samples = SampleRecorder(self._rows, sample, self.reasons)
        self._read_count = 0
        # One row more for the gradients of no row.
        self._height = len(rows) + 1
        self._columns = len(names(GRADIENT))
        self._buffer = DeviceBuffer(len(rows), has_histograms)
        self._every = step_variable(1, tf.int64)
        self._state = step_variable(self._initial_state(0), tf.int64)
        self.first_step: int | None = None
        self.sees_loss = view.loss is not None
        self.trainable_ids = {id(v) for v in view.model.trainable_variables}

    def start(self, step: int, every: int) -> None:
        """Begins anew, before the first step of a fit.

        Args:
            step: The number of the step to come.
            every: Steps from one record to the next.
        """
        self._every.assign(every)
        self._state.assign(self._initial_state(step))
        self._read_count = 0

    def observe(self, view: StepView, detail: Detail, is_conditional: bool) -> None:
        """Adds to the step being traced, or run eagerly, what measures it.

        Args:
            view: What the step worked with.
            detail: How much to record.
            is_conditional: Whether only those steps are records that are due.
        """
        if self.first_step is not None:
            # Not before: what the first trace makes has no value until the second one.
            with tf.init_scope():
                self.updates.start_with(self.first_step, view.weights)
        with tf.name_scope("gradient_monitor"):
            self.seen_optimizers |= {id(a.optimizer) for a in view.applications}
            entries, loss = self._entries(view), view.loss
            self.sees_loss = loss is not None
            if detail is not Detail.NONE:
                entries, loss = _over_replicas(entries, loss)
            if not _is_first_replica():
                return
            state = self._state.read_value()
            step, is_record = state[_STEP], tf.constant(False)
            record = functools.partial(
                self._record, view, entries, loss, step, state[_COUNT], detail
            )
            if detail is Detail.NONE:
                look = state[_LOOK]
            elif is_conditional:
                is_record = step % self._every.read_value() == 0
                look = tf.cond(is_record, record, lambda: state[_LOOK])
            else:
                is_record, look = tf.constant(True), record()
            bad = state[_BAD:]
            if detail is Detail.NONE or is_conditional:
                bad = self._watch(step, bad, entries, view.is_compiled)
            head = [step + 1, state[_COUNT] + tf.cast(is_record, tf.int64), look]
            # At an end of data that nobody foresaw TensorFlow runs what does not
            # depend on the batch: that is no step.
            known = [] if view.data is None or view.is_eager else [view.data]
            with tf.control_dependencies(known):
                self._state.assign(tf.concat([tf.stack(head), bad], axis=0))

    def read(self) -> Reading:
        """Returns what has been recorded since the last call."""
        state = self._state.numpy()
        count = int(state[_COUNT])
        records = self._buffer.read(self._read_count, count)
        self._read_count = count
        return Reading(records, self._first_bad(state[_BAD:]))

    def has_room(self, made: int) -> bool:
        """Whether one record more can be kept before those so far are read.

        Args:
            made: Records since the last reading.
        """
        return made < CAPACITY - 1

    def next_step(self) -> int:
        """Returns the number of the step to come, read from the device."""
        return int(self._state.numpy()[_STEP])

    def latest_samples(self) -> KeptSamples | None:
        """Returns what was kept of the latest record with activations, if anything."""
        number = int(self._state.numpy()[_LOOK])
        return self._samples.kept(number) if number >= 0 else None

    def _initial_state(self, step: int) -> np.ndarray:
        return np.array([step, 0, -1, *[NEVER] * self._height], np.int64)

    def _first_bad(self, steps: np.ndarray) -> tuple[int, int | None] | None:
        first = steps.min()
        if first == NEVER:
            return None
        rows = np.flatnonzero(steps[:-1] == first)
        return int(first), int(rows[-1]) if len(rows) else None

    def _make_recurrence(self, view: StepView) -> Recurrence:
        owners = Owners(view.model, self._rows, view.calls)
        numbers = {id(row.layer): number for number, row in enumerate(self._rows)}
        layers = [
            (layer, numbers[id(owners.whole(layer))])
            for layer, _ in view.sequences
            if id(owners.whole(layer)) in numbers and self._sample
        ]
        recurrence = Recurrence(layers, len(self._rows))
        if recurrence.reasons:
            self.reasons["time_ratio"] = "; ".join(recurrence.reasons)
        return recurrence

    def _entries(self, view: StepView) -> dict[int, _Entry]:
        """Returns the latest gradient of each variable that an optimizer got."""
        entries: dict[int, _Entry] = {}
        applied = np.zeros(len(self._rows), int)
        for application in view.applications:
            pairs = zip(application.variables, application.gradients, strict=False)
            rows = set()
            for variable, gradient in pairs:
                entries[id(variable)] = _Entry(variable, gradient, application)
                rows.add(self._row_of.get(id(variable), -1))
            for row in rows - {-1}:
                applied[row] += 1
        self.applied = applied
        for key, variable in view.hidden_sums.items():
            entries.pop(key, None)
            del variable
        return entries

    def _grouped(self, entries: Mapping[int, _Entry]) -> list[list[_Entry]]:
        """Returns the entries of each row, those of no row last."""
        groups: list[list[_Entry]] = [[] for _ in range(self._height)]
        for key, entry in entries.items():
            groups[self._row_of.get(key, -1)].append(entry)
        return groups

    def _watch(
        self,
        step: tf.Tensor,
        bad: tf.Tensor,
        entries: Mapping[int, _Entry],
        is_compiled: bool,
    ) -> tf.Tensor:
        """Returns the first steps with a gradient that is not finite, [rows + 1]."""
        small = [
            (number, entry)
            for number, group in enumerate(self._grouped(entries))
            for entry in group
            if isinstance(entry.gradient, tf.Tensor)
            and np.prod(entry.variable.shape) <= WATCHED_SIZE
            # The optimizer leaves such a step out.
            and not entry.application.may_skip
        ]
        if not small:
            return bad
        vectors = [
            tf.reshape(tf.cast(entry.gradient, tf.float32), [-1]) for _, entry in small
        ]
        numbers = np.array([number for number, _ in small])
        if is_compiled:
            # XLA makes a loop over the elements of a segment sum.
            zeros = tf.stack([tf.reduce_sum(vector * 0) for vector in vectors])
        else:
            zeros = tf.concat(vectors, axis=0) * 0
            numbers = np.repeat(numbers, [x.shape[0] for x in vectors])
        # 0, unless something is not finite: no mask to build, and no overflow.
        sums = tf.math.unsorted_segment_sum(zeros, numbers, self._height)
        return tf.where((sums != 0) & (bad == NEVER), step, bad)

    def _record(
        self,
        view: StepView,
        entries: Mapping[int, _Entry],
        loss: Any,
        step: tf.Tensor,
        count: tf.Tensor,
        detail: Detail,
    ) -> tf.Tensor:
        """Writes a record into its slot; returns the number of its look, or -1."""
        groups = self._grouped(entries)
        gradients = [
            [
                unscaled(dense(e.gradient, e.variable), e.application.scale)
                for e in group
                if e.gradient is not None
            ]
            for group in groups
        ]
        table = gradient_statistics(gradients, view.is_compiled)
        table = self._without_unseen(table, groups, view)
        missing = tf.constant([float("nan")] * len(self._rows), tf.float32)
        saturated, samples, look = missing, tf.constant(0.0), tf.constant(-1, tf.int64)
        if detail is Detail.FULL and self._sample:
            saturated, samples, look = self._samples.record(view)
        value = tf.cast(float("nan") if loss is None else loss, tf.float32)
        counts = None
        if self._buffer.has_counts:
            counts = tf.stack([log10_counts(layer) for layer in gradients[:-1]])
        known = [] if view.data is None or view.is_eager else [view.data]
        with tf.control_dependencies(known):
            self._buffer.write(count, step, table, saturated, value, samples, counts)
        return look

    def _without_unseen(
        self, table: tf.Tensor, groups: Sequence[Sequence[_Entry]], view: StepView
    ) -> tf.Tensor:
        """Puts NaN where no gradient was seen, and what came out of branches."""
        rows = tf.unstack(table)
        nan = tf.fill([self._columns], float("nan"))
        hidden = self._hidden_rows(view)
        skipped = {id(a): _is_skipped(a) for a in view.applications if a.may_skip}
        for number, group in enumerate(groups):
            if number in hidden:
                rows[number] = hidden[number]
            elif not group and number < len(self._rows):
                rows[number] = nan
            for key in {id(e.application) for e in group} & set(skipped):
                rows[number] = tf.where(skipped[key], nan, rows[number])
        return tf.stack(rows)

    def _hidden_rows(self, view: StepView) -> dict[int, tf.Tensor]:
        """Returns the rows whose gradients were applied in a branch or a loop."""
        found: dict[int, list[tuple[tf.Tensor, keras.Variable]]] = {}
        variables = {
            id(variable): variable for row in self._rows for variable in row.variables
        }
        for key, carried in view.hidden_sums.items():
            value = carried.read_value()
            carried.assign(tf.fill(carried.shape, tf.cast(float("nan"), carried.dtype)))
            if key in variables:
                pair = (value, variables[key])
                found.setdefault(self._row_of[key], []).append(pair)
        return {
            row: carried_statistics([s for s, _ in pairs], [v for _, v in pairs])
            for row, pairs in found.items()
        }


def _is_skipped(application: Application) -> tf.Tensor:
    """Whether an optimizer leaves out a step: its gradients are not all finite."""
    finite = [
        tf.reduce_all(tf.math.is_finite(getattr(gradient, "values", gradient)))
        for gradient in application.gradients
        if gradient is not None
    ]
    return ~tf.reduce_all(tf.stack(finite)) if finite else tf.constant(False)


def _over_replicas(
    entries: dict[int, _Entry], loss: Any
) -> tuple[dict[int, _Entry], Any]:
    """Returns sums over the replicas of a distribution strategy, if there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return entries, loss
    known = {key: e for key, e in entries.items() if e.gradient is not None}
    tensors = [e.gradient for e in known.values()]
    tensors += [] if loss is None else [loss]
    sums = list(context.all_reduce(tf.distribute.ReduceOp.SUM, tensors))
    loss = loss if loss is None else sums.pop()
    summed = {
        key: e._replace(gradient=gradient)
        for (key, e), gradient in zip(known.items(), sums, strict=True)
    }
    return entries | summed, loss


def _is_first_replica() -> bool:
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return True
    return tf.get_static_value(context.replica_id_in_sync_group) in (0, None)
