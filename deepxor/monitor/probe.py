"""The part of the monitor that runs inside the training step, and its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor import quantities
from deepxor.monitor.samples import step_variable
from deepxor.monitor.statistics import (
    ACTIVATION_QUANTITIES,
    GRADIENT_QUANTITIES,
    LOG10_EDGES,
)

# Gradients of up to this many elements, biases most of them, are looked at in every
# step for NaN and infinity: those of one layer spread to all layers before it.
WATCHED_SIZE = 1024

# A step that does not come.
NEVER = np.iinfo(np.int32).max

# Records kept on the device, at least: several calls may go by before they are read,
# and a training step of somebody's own may call the optimizer several times.
MIN_CAPACITY = 64


# What the step itself measures of a layer, in this order.
MEASURED = GRADIENT_QUANTITIES + ACTIVATION_QUANTITIES

# The gradients of one layer with their variables.
Row = list[tuple[Any, keras.Variable]]


class Records(NamedTuple):
    """What was kept of some steps.

    Attributes:
        steps: The steps, rising.
        tables: float32 [records, quantities, layers], in the order of `MEASURED`.
        global_norms: float64 [records], L2 norms over all gradients, those of no layer
            of the table, too.
        losses: float32 [records], of the batches; NaN where it was not seen.
        counts: int [records, layers, bins] of log10 of the gradients' elements, or
            None.
    """

    steps: range
    tables: np.ndarray
    global_norms: np.ndarray
    losses: np.ndarray
    counts: np.ndarray | None


class Probe:
    """Measures the steps that are records, into a small ring of variables.

    Args:
        layers: Name -> layer, those of the table.
        every: Steps from one record to the next.
        start: The step before which there is none.
        steps_per_call: The most steps between two calls of `read`.
        has_histograms: Whether the elements are counted, too.
        is_compiled: Whether XLA compiles the step.

    Attributes:
        layers: The names.
    """

    def __init__(
        self,
        layers: Mapping[str, keras.layers.Layer],
        every: int,
        start: int,
        steps_per_call: int,
        has_histograms: bool,
        is_compiled: bool,
    ) -> None:
        self.layers = list(layers)
        self._is_compiled = is_compiled
        self._every = every
        self._capacity = max(MIN_CAPACITY, steps_per_call // every + 2)
        self._row_of: dict[int, int] = {}
        for row, layer in enumerate(layers.values()):
            for variable in layer.trainable_variables:
                self._row_of.setdefault(id(variable), row)
        # One row more for the gradients of no layer.
        self._shape = (len(layers) + 1, len(MEASURED))
        self._row_size = int(np.prod(self._shape)) + 1
        self._step = step_variable(start, tf.int32)
        self._seen = start
        # Of each row, the first step watched that was not finite.
        self._bad_steps = step_variable(np.full(len(layers) + 1, NEVER), tf.int32)
        slots = np.zeros((self._capacity, self._row_size))
        self._slots = step_variable(slots, tf.float32)
        self._counts: tf.Variable | None = None
        if has_histograms:
            shape = (self._capacity, len(layers), len(LOG10_EDGES) - 1)
            self._counts = step_variable(np.zeros(shape), tf.int32)

    def observe(
        self,
        gradients: Sequence[Any],
        variables: Sequence[keras.Variable],
        activities: Mapping[str, Callable[[], list[quantities.Activity]]],
        loss: tf.Tensor | None,
        may_record: bool,
    ) -> None:
        """Adds to the step being traced what records it.

        Args:
            gradients: One a variable: a tensor, a `tf.IndexedSlices` or None.
            variables: Those that are updated.
            activities: A layer's name -> what returns its activations.
            loss: Scalar, or None.
            may_record: Whether to record the steps that are due; otherwise they are
                only counted, and watched.
        """
        with tf.name_scope("gradient_monitor"):
            step = self._step.read_value()
            rows = self._rows(gradients, variables)
            if self._every > 1:
                self._watch(step, rows)
            self._step.assign_add(1)
            if not may_record:
                return
            _when(
                self._every == 1 or step % self._every == 0,
                lambda: self._put(step, rows, activities, loss),
            )

    def has_room(self, end: int) -> bool:
        """Whether one record more can be kept before those so far are read.

        Args:
            end: `next_step()`.
        """
        return len(self._due(end)) < self._capacity

    def read(self, end: int) -> Records:
        """Returns the records since the last call, in their order.

        Args:
            end: `next_step()`.
        """
        steps = self._due(end)[-self._capacity :]
        self._seen = end
        slots = [step // self._every % self._capacity for step in steps]
        # Reading from the device takes its time.
        rows = self._slots.numpy()[slots] if slots else np.zeros((0, self._row_size))
        counts = None
        if self._counts is not None and slots:
            counts = self._counts.numpy()[slots]
        tables = rows[:, :-1].reshape(-1, *self._shape).transpose(0, 2, 1)
        norms = tables[:, MEASURED.index("norm")].astype(np.float64)
        global_norms = np.sqrt(np.square(norms).sum(axis=1))
        return Records(steps, tables[..., :-1], global_norms, rows[:, -1], counts)

    def _due(self, end: int) -> range:
        """Returns the steps before `end` that are records and have not been read."""
        first = -(-self._seen // self._every) * self._every
        return range(first, end, self._every)

    def next_step(self) -> int:
        """The number of the step to come."""
        return int(self._step.numpy())

    @property
    def first_bad(self) -> tuple[int, str | None] | None:
        """The first step watched with a gradient that was not finite, and its layer.

        Of several layers the last; None if it is not one of `layers`. None if there is
        no such step. Where every step is a record, none is watched.
        """
        if self._every == 1:
            return None
        steps = self._bad_steps.numpy()
        first = steps.min()
        if first == NEVER:
            return None
        bad = np.flatnonzero(steps[:-1] == first)
        return int(first), self.layers[bad[-1]] if len(bad) else None

    def _rows(
        self, gradients: Sequence[Any], variables: Sequence[keras.Variable]
    ) -> list[Row]:
        rows: list[Row] = [[] for _ in range(self._shape[0])]
        for gradient, variable in zip(gradients, variables, strict=True):
            rows[self._row_of.get(id(variable), -1)].append((gradient, variable))
        return rows

    def _watch(self, step: tf.Tensor, rows: list[Row]) -> None:
        """Keeps the first step with a gradient that is not finite, and its layers."""
        small = [
            (number, tf.reshape(tf.cast(gradient, tf.float32), [-1]))
            for number, row in enumerate(rows)
            for gradient, variable in row
            if isinstance(gradient, tf.Tensor)
            and np.prod(variable.shape) <= WATCHED_SIZE
        ]
        if not small:
            return
        numbers = np.array([number for number, _ in small])
        if self._is_compiled:
            # XLA makes a loop over the elements of a segment sum.
            zeros = tf.stack([tf.reduce_sum(elements * 0) for _, elements in small])
        else:
            zeros = tf.concat([elements for _, elements in small], axis=0) * 0
            numbers = np.repeat(numbers, [x.shape[0] for _, x in small])
        # 0, unless something is not finite: no mask to build, and no overflow.
        sums = tf.math.unsorted_segment_sum(zeros, numbers, len(rows))
        bad_steps = self._bad_steps.read_value()
        is_first = (sums != 0) & (bad_steps == NEVER)
        self._bad_steps.assign(tf.where(is_first, step, bad_steps))

    def _put(
        self,
        step: tf.Tensor,
        rows: list[Row],
        activities: Mapping[str, Callable[[], list[quantities.Activity]]],
        loss: tf.Tensor | None,
    ) -> None:
        """Writes a record into its slot."""
        gradients = [[_dense(g, v) for g, v in row if g is not None] for row in rows]
        # One row more for the gradients of no layer.
        active = [activities.get(layer, list)() for layer in [*self.layers, ""]]
        table = tf.concat(
            [
                quantities.gradient_statistics(gradients, self._is_compiled),
                tf.stack([quantities.activation_statistics(layer) for layer in active]),
            ],
            axis=1,
        )
        value = tf.cast(float("nan") if loss is None else loss, tf.float32)
        values = tf.concat([tf.reshape(table, [-1]), tf.reshape(value, [1])], axis=0)
        index = [[step // self._every % self._capacity]]
        self._slots.assign(
            tf.tensor_scatter_nd_update(self._slots, index, values[None])
        )
        if self._counts is not None:
            counts = [quantities.log10_counts(layer) for layer in gradients[:-1]]
            self._counts.assign(
                tf.tensor_scatter_nd_update(self._counts, index, tf.stack(counts)[None])
            )


def _when(condition: Any, act: Callable[[], None]) -> None:
    def acted() -> tf.Tensor:
        act()
        return tf.constant(True)

    if condition is True:
        act()
    else:
        tf.cond(condition, acted, lambda: tf.constant(False))


def _dense(gradient: Any, variable: keras.Variable) -> tf.Tensor:
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.math.unsorted_segment_sum(
            gradient.values, gradient.indices, variable.shape[0]
        )
    return tf.reshape(gradient, variable.shape)
