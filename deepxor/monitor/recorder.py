"""The part of the monitor that runs inside the training step, with its variables."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.device_buffer import ACTIVITY, CAPACITY, DeviceBuffer, Record
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
from deepxor.monitor.model_facts import model_facts
from deepxor.monitor.sample_recorder import KeptSamples, SampleRecorder
from deepxor.monitor.schedule import Detail
from deepxor.quantities import GRADIENT, names

# Gradients of up to this many elements, mostly those of biases, are searched in every
# step for NaN and infinity. These few tell, since NaN and infinity in the gradient of
# one layer spread to all layers before it.
WATCHED_SIZE = 1024

# Stands for no step: larger than any number of a step.
NEVER = np.iinfo(np.int64).max

# Positions in the state vector: the number of the step to come, the count of records,
# the number of the latest look at samples (-1 for none), and from `_BAD` on, for each
# row, the first watched step whose gradient was not finite.
_STEP, _COUNT, _LOOK, _BAD = range(4)


class Reading(NamedTuple):
    """Holds what is read from the device after a training call.

    Attributes:
        records: The records since the last reading, in the order of their steps.
        first_bad: The first watched step with a gradient that was not finite, and the
            row of that gradient: the last one of several, None if the variable belongs
            to no row. None if there was no such step.
    """

    records: list[Record]
    first_bad: tuple[int, int | None] | None


class _Entry(NamedTuple):
    """Holds the latest gradient of a variable in a step."""

    variable: keras.Variable
    gradient: Any
    application: Application


class StepRecorder:
    """Measures the steps that are records, and keeps the results on the device.

    Args:
        view: The view of the first step.
        rows: The recorded layers in forward order.
        sample: The most samples of a batch to look at; 0 for none.
        has_histograms: Whether records have a histogram of the gradient elements.

    Attributes:
        layers: The names of the rows.
        updates: Compares the weights of the rows before and after a call.
        recurrence: Measures the recurrent layers among the rows.
        skills: Maps the name of an output to what measures its skill.
        model_facts: The facts of the compiled model, see `model_facts`.
        reasons: Maps what cannot be measured to the reason.
        applied: int [rows], the number of gradient applications of a step to each row.
        seen_optimizers: The ids of the optimizers whose `apply` was seen.
        first_step: The number of a first step whose weights are to be compared with
            those before it; otherwise None.
        sees_loss: Whether the latest trace of the step has seen the loss.
        trainable_ids: The ids of the variables that were trainable at the first step.
    """

    def __init__(
        self, view: StepView, rows: Sequence[Row], sample: int, has_histograms: bool
    ) -> None:
        # The compiled steps, which the model holds, hold the recorder.
        self._model = weakref.ref(view.model)
        self.layers = [row.name for row in rows]
        self._rows = list(rows)
        self._sample = sample
        self._row_of = {
            id(variable): number
            for number, row in enumerate(rows)
            for variable in row.variables
        }
        self.reasons: dict[str, str] = {}
        self.model_facts = self._facts_of_model(view)
        self.updates = Updates([row.variables for row in rows])
        self.skills = {x.name: Skill(x.loss) for x in view.outputs}
        self.recurrence = self._make_recurrence(view)
        self.applied = np.zeros(len(rows), int)
        self.seen_optimizers: set[int] = set()
        self._samples = SampleRecorder(self._rows, sample, self.reasons)
        self._read_count = 0
        # The last row is for gradients of variables that belong to no row.
        self._height = len(rows) + 1
        self._columns = len(names(GRADIENT))
        self._buffer = DeviceBuffer(len(rows), has_histograms)
        self._every = step_variable(1, tf.int64)
        self._state = step_variable(self._initial_state(0), tf.int64)
        self.first_step: int | None = None
        self.sees_loss = view.loss is not None
        self.trainable_ids = {id(v) for v in view.model.trainable_variables}

    def start(self, step: int, every: int) -> None:
        """Resets the state before the first step of a fit.

        Args:
            step: The number of the step to come.
            every: The number of steps from one record to the next.
        """
        self._every.assign(every)
        self._state.assign(self._initial_state(step))
        self._read_count = 0

    def observe(self, view: StepView, detail: Detail, is_conditional: bool) -> None:
        """Measures a step from inside, while it is being traced or run eagerly.

        Args:
            view: The tensors and variables that the step worked with.
            detail: How much to record.
            is_conditional: Whether the step itself decides, by its number, if it is a
                record. Otherwise it is one unless `detail` is `Detail.NONE`.
        """
        if self.first_step is not None:
            # Not earlier: variables that the first trace makes have no value until the
            # second trace.
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
            # If the data end unexpectedly, TensorFlow still runs what does not depend
            # on the batch. Such a call must not count as a step.
            known = [] if view.data is None or view.is_eager else [view.data]
            with tf.control_dependencies(known):
                self._state.assign(tf.concat([tf.stack(head), bad], axis=0))

    def read(self) -> Reading:
        """Returns what has been recorded since the last call of this method."""
        state = self._state.numpy()
        count = int(state[_COUNT])
        records = self._buffer.read(self._read_count, count)
        self._read_count = count
        return Reading(records, self._first_bad(state[_BAD:]))

    def has_room(self, made: int) -> bool:
        """Whether one more record can be kept before the existing ones are read.

        Args:
            made: The number of records since the last reading.
        """
        return made < CAPACITY - 1

    def next_step(self) -> int:
        """Returns the number of the step to come, read from the device."""
        return int(self._state.numpy()[_STEP])

    def learning_rate(self) -> float:
        """Returns the learning rate in force; NaN if the model has no optimizer."""
        optimizer = getattr(self._model(), "optimizer", None)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        return float("nan") if inner is None else float(inner.learning_rate)

    def latest_samples(self) -> KeptSamples | None:
        """Returns the samples of the latest record with activations, None without."""
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

    def _facts_of_model(self, view: StepView) -> dict[str, Any]:
        """Returns the facts of the model; none if they cannot be read."""
        try:
            return model_facts(view)
        except Exception as error:  # a layer of somebody's own may be of any shape
            self.reasons["model"] = f"{type(error).__name__}: {error}"
            return {}

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
        """Returns the latest gradient that an optimizer got for each variable."""
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
        """Returns the entries of each row; the last list has those without a row."""
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
        """Updates each row's first step with a gradient that is not finite.

        Args:
            step: int64 scalar, the number of the step.
            bad: int64 [rows + 1], the first such step so far, `NEVER` for none.
            entries: The latest gradients by the ids of their variables.
            is_compiled: Whether XLA compiles the step.

        Returns:
            int64 [rows + 1], as `bad`.
        """
        small = [
            (number, entry)
            for number, group in enumerate(self._grouped(entries))
            for entry in group
            if isinstance(entry.gradient, tf.Tensor)
            and np.prod(entry.variable.shape) <= WATCHED_SIZE
            # Such an optimizer skips steps whose gradients are not finite.
            and not entry.application.may_skip
        ]
        if not small:
            return bad
        vectors = [
            tf.reshape(tf.cast(entry.gradient, tf.float32), [-1]) for _, entry in small
        ]
        numbers = np.array([number for number, _ in small])
        if is_compiled:
            # XLA would turn a segment sum into a loop over the elements.
            zeros = tf.stack([tf.reduce_sum(vector * 0) for vector in vectors])
        else:
            zeros = tf.concat(vectors, axis=0) * 0
            numbers = np.repeat(numbers, [x.shape[0] for x in vectors])
        # The sums are 0 unless an element is not finite. So no mask has to be built,
        # and nothing can overflow.
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
        """Writes a record; returns the number of its kept samples, -1 for none."""
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
        activity = tf.stack([missing] * len(ACTIVITY))
        samples, look = tf.constant(0.0), tf.constant(-1, tf.int64)
        if detail is Detail.FULL and self._sample:
            activity, samples, look = self._samples.record(view)
        value = tf.cast(float("nan") if loss is None else loss, tf.float32)
        counts = None
        if self._buffer.has_counts:
            counts = tf.stack([log10_counts(layer) for layer in gradients[:-1]])
        known = [] if view.data is None or view.is_eager else [view.data]
        with tf.control_dependencies(known):
            self._buffer.write(count, step, table, activity, value, samples, counts)
        return look

    def _without_unseen(
        self, table: tf.Tensor, groups: Sequence[Sequence[_Entry]], view: StepView
    ) -> tf.Tensor:
        """Sets unseen rows to NaN, and fills in rows that were applied in branches."""
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
        """Returns the statistics of rows with gradients applied in a branch or a loop.

        Returns:
            Maps the index of a row to float32 [quantities].
        """
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
    """Returns whether an optimizer skips a step, as a gradient is not finite."""
    finite = [
        tf.reduce_all(tf.math.is_finite(getattr(gradient, "values", gradient)))
        for gradient in application.gradients
        if gradient is not None
    ]
    return ~tf.reduce_all(tf.stack(finite)) if finite else tf.constant(False)


def _over_replicas(
    entries: dict[int, _Entry], loss: Any
) -> tuple[dict[int, _Entry], Any]:
    """Sums gradients and loss over the replicas of a distribution strategy, if any."""
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
