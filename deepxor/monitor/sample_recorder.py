"""Records inputs and activations, and keeps outputs, of some samples of the batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from deepxor.monitor.device_buffer import ACTIVITY
from deepxor.monitor.engine.base import ActivationCall, StepView
from deepxor.monitor.entries import entry_tensors
from deepxor.monitor.layers import Owners, Row, unit_axis
from deepxor.monitor.measure.activations import (
    Activity,
    Slopes,
    root_mean_square,
    silent_units,
)
from deepxor.monitor.measure.facts import input_facts
from deepxor.monitor.measure.reading import first_samples
from deepxor.monitor.measure.recurrence import SAMPLES as SEQUENCE_SAMPLES
from deepxor.monitor.measure.samples import Samples
from deepxor.monitor.measure.tracing import outside_of_step, step_variable


@dataclass
class KeptSamples:
    """Holds what one traced form of the step keeps of a batch's samples.

    Attributes:
        outputs: Maps the name of an output to the samples of its targets, predictions
            and weights.
        sequences: Maps the id of a recurrent layer to the samples of its inputs.
        inputs: The names of the layers that take the model's inputs.
        input_facts: float32 [facts, inputs], the facts `INPUT_FACTS` of what enters
            these layers: a variable, or a tensor in eager mode; None without any.
        silent: uint8 [units], 1 for units that are zero for all samples: a variable, or
            a tensor in eager mode; None if there are no units.
        unit_rows: int [units], the index of each unit's row.
    """

    outputs: dict[str, Samples]
    sequences: dict[int, Samples]
    inputs: list[str] = field(default_factory=list)
    input_facts: Any = None
    silent: Any = None
    unit_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


class SampleRecorder:
    """Measures activations inside the step, and keeps samples for use outside of it.

    Args:
        rows: The recorded layers in forward order.
        sample: The most samples of a batch to look at.
        reasons: Maps what cannot be measured to the reason; entries are added to it.
    """

    def __init__(
        self, rows: Sequence[Row], sample: int, reasons: dict[str, str]
    ) -> None:
        self._rows = rows
        self._sample = sample
        self._reasons = reasons
        self._slopes: dict[int, Slopes] = {}
        self._kept: list[KeptSamples] = []

    def kept(self, number: int) -> KeptSamples:
        """Returns what a traced form of the step has kept of its latest record.

        Args:
            number: The number that `record` returned for that form of the step.
        """
        return self._kept[number]

    def record(self, view: StepView) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Measures activations, and keeps samples for use outside of the step.

        Args:
            view: The view of the step that is being traced or run eagerly.

        Returns:
            The quantities `ACTIVITY`, float32 [quantities, rows]; the number of
            samples, a float32 scalar; and the number for `kept`, an int64 scalar.
        """
        kept = KeptSamples(
            {
                x.name: Samples(self._sample, x.tensors, view.is_compiled)
                for x in view.outputs
            },
            {
                id(layer): Samples(SEQUENCE_SAMPLES, tensors)
                for layer, tensors in view.sequences
            },
        )
        activity, silent = self._activities(view)
        if silent:
            kept.unit_rows = np.repeat(
                [row for row, _ in silent], [mask.shape[0] for _, mask in silent]
            )
            masks = tf.cast(tf.concat([mask for _, mask in silent], axis=0), tf.uint8)
            kept.silent = _carried(masks, view.is_eager)
        entries = entry_tensors(view, self._rows)
        if entries:
            kept.inputs = list(entries)
            table = [input_facts(x[: self._sample]) for x in entries.values()]
            kept.input_facts = _carried(tf.stack(table, axis=1), view.is_eager)
        if view.is_eager:
            self._kept.clear()
        for samples in [*kept.outputs.values(), *kept.sequences.values()]:
            if not view.is_eager:
                samples.make_variables()
            samples.keep()
        self._kept.append(kept)
        return activity, self._size(view), tf.constant(len(self._kept) - 1, tf.int64)

    def _size(self, view: StepView) -> tf.Tensor:
        batch = [x.predictions for x in view.outputs]
        batch += [call.outputs for call in view.activations]
        known = [x for x in batch if x.shape.rank]
        size = tf.shape(known[0])[0] if known else self._sample
        return tf.cast(tf.minimum(size, self._sample), tf.float32)

    def _activities(
        self, view: StepView
    ) -> tuple[tf.Tensor, list[tuple[int, tf.Tensor]]]:
        """Returns the quantities `ACTIVITY` of each row, and which units are silent.

        Returns:
            float32 [quantities, rows], NaN where it is not known; and for each
            activation the index of its row and bool [units].
        """
        owners = Owners(view.model, self._rows, view.calls)
        calls: dict[tuple[int, int], list[ActivationCall]] = {}
        for call in view.activations:
            row = owners.row(call.layer, call.kept)
            if row is not None and call.outputs.shape.rank:
                calls.setdefault((row, id(call.layer)), []).append(call)
        silent: list[tuple[int, tf.Tensor]] = []
        shares: dict[int, list[tf.Tensor]] = {}
        outputs = self._layer_outputs(view)
        for (row, _), group in calls.items():
            slopes = self._slopes_of(group[0], view.is_eager)
            taken = [self._taken(call, slopes, view.is_compiled) for call in group]
            axis = unit_axis(self._rows[row].layer)
            units = {activity.outputs.shape[axis] for activity in taken}
            # Of several activations of a layer the last one makes its output.
            outputs[row] = [activity.outputs for activity in taken]
            if len(units) == 1 and None not in units:
                silent.append((row, silent_units(taken, axis)))
            if slopes.reason is None:
                shares.setdefault(row, []).append(slopes.saturated(taken))
            else:
                self._reasons.setdefault("saturated_fraction", slopes.reason)
        missing = tf.constant(float("nan"))
        numbers = range(len(self._rows))
        columns = {
            "saturated_fraction": [
                tf.add_n(shares[i]) / len(shares[i]) if i in shares else missing
                for i in numbers
            ],
            "activation_rms": [
                root_mean_square(outputs[i]) if i in outputs else missing
                for i in numbers
            ],
        }
        rows = [
            tf.stack(columns[name]) if numbers else tf.zeros(0) for name in ACTIVITY
        ]
        return tf.stack(rows), silent

    def _layer_outputs(self, view: StepView) -> dict[int, list[tf.Tensor]]:
        """Returns samples of the outputs of each row's layer, over all calls."""
        row_of = {id(row.layer): number for number, row in enumerate(self._rows)}
        found: dict[int, list[tf.Tensor]] = {}
        for call in view.layer_calls:
            row, outputs = row_of.get(id(call.layer)), call.outputs
            if row is None or not outputs.shape.rank or not outputs.dtype.is_floating:
                continue
            samples = first_samples(outputs, self._sample, view.is_compiled)
            found.setdefault(row, []).append(samples)
        return found

    def _taken(
        self, call: ActivationCall, slopes: Slopes, is_compiled: bool
    ) -> Activity:
        outputs = call.outputs[: self._sample]
        if call.inverse is not None:
            kept = tf.cast(call.kept[: self._sample], tf.float32)
            return Activity(call.inverse(kept), outputs)
        inputs = first_samples(call.kept, self._sample, is_compiled)
        if slopes.reason is None and not is_compiled:
            # The activation may be computed together with what comes after it, too.
            outputs = slopes.activation(inputs)
        return Activity(tf.cast(inputs, tf.float32), outputs)

    def _slopes_of(self, call: Any, is_eager: bool) -> Slopes:
        key = id(call.function)
        if key not in self._slopes:
            self._slopes[key] = outside_of_step(
                functools.partial(Slopes, call.function, call.outputs.shape, is_eager)
            )
        return self._slopes[key]


def _carried(value: tf.Tensor, is_eager: bool) -> Any:
    """Returns a variable that a traced step assigns a value to; or an eager value."""
    if is_eager:
        return value
    variable = step_variable(np.zeros(value.shape), value.dtype)
    variable.assign(value)
    return variable
