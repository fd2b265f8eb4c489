"""The part of the monitor that runs inside the training step, and its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor import quantities
from deepxor.monitor.statistics import LOG10_EDGES, QUANTITIES

# Gradients of up to this many elements are looked at in every step for NaN and
# infinity. Those spread from any layer to the biases of all layers before it.
WATCHED_SIZE = 1024

# Records kept on the device, at least: a training step of somebody's own may call the
# optimizer several times.
MIN_CAPACITY = 16


class Record(NamedTuple):
    """What was kept of one step.

    Attributes:
        step: The step.
        table: float32 [quantities, layers], in the order of `QUANTITIES`.
        global_norm: L2 norm over all gradients, those of no layer of the table, too.
        loss: Of the batch; NaN if it was not seen.
        counts: int [layers, bins] of log10 of the gradient's elements, or None.
    """

    step: int
    table: np.ndarray
    global_norm: float
    loss: float
    counts: np.ndarray | None


class Probe:
    """Measures the steps that are records, into a small ring of variables.

    Args:
        layers: Name -> layer, those of the table.
        every: Steps from one record to the next.
        start: The step before which there is none.
        steps_per_call: The most steps between two calls of `read`.
        is_compiled: Whether XLA compiles the training step.
        has_histograms: Whether the elements are counted, too.

    Attributes:
        layers: The names.
    """

    def __init__(
        self,
        layers: Mapping[str, keras.layers.Layer],
        every: int,
        start: int,
        steps_per_call: int,
        is_compiled: bool,
        has_histograms: bool,
    ) -> None:
        self.layers = list(layers)
        self._every = every
        self._is_compiled = is_compiled
        self._capacity = max(MIN_CAPACITY, steps_per_call // every + 2)
        self._row_of: dict[int, int] = {}
        for row, layer in enumerate(layers.values()):
            for variable in layer.trainable_variables:
                self._row_of.setdefault(id(variable), row)
        # One row more for the gradients of no layer, one slot more for the first step
        # with a gradient that is not finite.
        self._shape = (len(QUANTITIES), len(layers) + 1)
        size = int(np.prod(self._shape)) + 1
        self._step = _variable(start, tf.int32)
        self._seen = start
        self._bad_step = _variable(-1, tf.int32)
        self._slots = _variable(np.zeros((self._capacity + 1, size)), tf.float32)
        self._counts: tf.Variable | None = None
        if has_histograms:
            shape = (self._capacity + 1, len(layers), len(LOG10_EDGES) - 1)
            self._counts = _variable(np.zeros(shape), tf.int32)

    def observe(
        self,
        apply: Callable[[], Any],
        gradients: Sequence[Any],
        variables: Sequence[keras.Variable],
        activities: Callable[[], Mapping[int, list[quantities.Activity]]],
        loss: tf.Tensor | None,
    ) -> Any:
        """Lets the optimizer take a step, and records it if it is due.

        Args:
            apply: Takes the step.
            gradients: One a variable: a tensor, a `tf.IndexedSlices` or None.
            variables: Those that are updated.
            activities: Returns a layer's row -> its activations.
            loss: Scalar, or None.

        Returns:
            What `apply` returns.
        """
        with tf.name_scope("gradient_monitor"):
            rows = self._rows(gradients, variables)
            step = self._step.read_value()
            is_due = self._is_due(step, rows)
            before = self._weights(is_due, rows)
        result = apply()
        with tf.name_scope("gradient_monitor"):

            def record() -> tf.Tensor:
                self._record(step, rows, before, activities(), loss)
                return tf.constant(True)

            if is_due is True:
                record()
            else:
                tf.cond(is_due, record, lambda: tf.constant(False))
            self._step.assign_add(1)
        return result

    def read(self) -> list[Record]:
        """Returns the records since the last call, in their order."""
        end = int(self._step)
        first = -(-self._seen // self._every) * self._every
        due = list(range(first, end, self._every))[-self._capacity :]
        bad = self.bad_step
        where = {step: step // self._every % self._capacity for step in due}
        if bad is not None and self._seen <= bad < end and bad % self._every:
            where[bad] = self._capacity
        self._seen = end
        if not where:
            return []
        slots = self._slots.numpy()
        counts = None if self._counts is None else self._counts.numpy()
        return [
            self._unpack(step, slots[where[step]], counts, where[step])
            for step in sorted(where)
        ]

    @property
    def is_due(self) -> bool:
        """Whether there is a record to read; looks at nothing but the step's number."""
        return (int(self._step) - 1) // self._every * self._every >= self._seen

    @property
    def bad_step(self) -> int | None:
        """The first step with a gradient that was not finite."""
        step = int(self._bad_step)
        return None if step < 0 else step

    def _unpack(
        self, step: int, slot: np.ndarray, counts: np.ndarray | None, index: int
    ) -> Record:
        table = slot[:-1].reshape(self._shape)
        norms = table[QUANTITIES.index("norm")].astype(np.float64)
        return Record(
            step,
            table[:, :-1],
            float(np.sqrt(np.square(norms).sum())),
            float(slot[-1]),
            None if counts is None else counts[index],
        )

    def _rows(
        self, gradients: Sequence[Any], variables: Sequence[keras.Variable]
    ) -> list[list[tuple[Any, keras.Variable]]]:
        rows: list[list[tuple[Any, keras.Variable]]] = [
            [] for _ in range(self._shape[1])
        ]
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None:
                rows[self._row_of.get(id(variable), -1)].append((gradient, variable))
        return rows

    def _is_due(self, step: tf.Tensor, rows: list) -> Any:
        if self._every == 1:
            return True
        is_record = step % self._every == 0
        small = [
            tf.reshape(tf.cast(gradient, tf.float32), [-1])
            for row in rows
            for gradient, variable in row
            if not isinstance(gradient, tf.IndexedSlices)
            and np.prod(variable.shape) <= WATCHED_SIZE
        ]
        if not small:
            return is_record
        # 0 unless something is not finite: no mask to build, and no overflow.
        is_bad = tf.reduce_sum(tf.concat(small, axis=0) * 0) != 0
        return is_record | (is_bad & (self._bad_step < 0))

    def _weights(self, is_due: Any, rows: list) -> list[tf.Tensor]:
        """Returns copies of the weights of the layers where a record is due."""
        values = [v.value for row in rows[:-1] for _, v in row]

        def read() -> list[tf.Tensor]:
            return [tf.convert_to_tensor(value) for value in values]

        if is_due is True or self._is_compiled:
            return read()
        # Held by nobody, a variable is updated in place; held, it would be copied.
        nothing = [tf.zeros([0], value.dtype) for value in values]
        return tf.cond(is_due, read, lambda: nothing) if values else []

    def _record(
        self,
        step: tf.Tensor,
        rows: list[list[tuple[Any, keras.Variable]]],
        before: list[tf.Tensor],
        activities: Mapping[int, list[quantities.Activity]],
        loss: tf.Tensor | None,
    ) -> None:
        old = iter(before)
        columns, counts = [], []
        for number, row in enumerate(rows):
            gradients = [_dense(gradient, variable) for gradient, variable in row]
            parts = [quantities.gradient_statistics(gradients)]
            if number < len(self.layers):
                after = [tf.convert_to_tensor(v.value) for _, v in row]
                same = [tf.reshape(next(old), value.shape) for value in after]
                parts.append(quantities.weight_statistics(same, after))
                parts.append(
                    quantities.activation_statistics(activities.get(number, []))
                )
                if self._counts is not None:
                    counts.append(quantities.log10_counts(gradients))
            else:
                parts.append(tf.zeros([self._shape[0] - parts[0].shape[0]]))
            columns.append(tf.concat(parts, axis=0))
        table = tf.stack(columns, axis=1)
        value = tf.cast(float("nan") if loss is None else loss, tf.float32)
        slot = tf.concat([tf.reshape(table, [-1]), tf.reshape(value, [1])], axis=0)
        is_record = step % self._every == 0
        index = tf.where(
            is_record, step // self._every % self._capacity, self._capacity
        )
        _put(self._slots, index, slot)
        if self._counts is not None:
            _put(self._counts, index, tf.stack(counts))
        non_finite = tf.reduce_sum(table[QUANTITIES.index("non_finite")])
        is_first_bad = (non_finite > 0) & (self._bad_step < 0)
        self._bad_step.assign(tf.where(is_first_bad, step, self._bad_step))


def _variable(value: Any, dtype: tf.DType) -> tf.Variable:
    # Under a distribution strategy each replica may write its own; the first counts.
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _put(variable: tf.Variable, index: tf.Tensor, value: tf.Tensor) -> None:
    table = tf.tensor_scatter_nd_update(
        variable, tf.reshape(index, [1, 1]), value[None]
    )
    variable.assign(table)


def _dense(gradient: Any, variable: keras.Variable) -> tf.Tensor:
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.math.unsorted_segment_sum(
            gradient.values, gradient.indices, variable.shape[0]
        )
    return tf.reshape(gradient, variable.shape)
