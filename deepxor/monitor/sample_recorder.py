"""Records activations, and keeps predictions, of some samples of the batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from deepxor.monitor.engine.base import StepView
from deepxor.monitor.layers import Owners, Row, unit_axis
from deepxor.monitor.measure.activations import Activity, Slopes, silent_units
from deepxor.monitor.measure.recurrence import SAMPLES as SEQUENCE_SAMPLES
from deepxor.monitor.measure.samples import Samples
from deepxor.monitor.measure.tracing import outside_of_step, step_variable


@dataclass
class KeptSamples:
    """Holds what one traced form of the step keeps of a batch's samples.

    Attributes:
        pair: The samples of targets and predictions.
        sequences: Maps the id of a recurrent layer to the samples of its inputs.
        silent: uint8 [units], 1 for units that are zero for all samples: a variable, or
            a tensor in eager mode; None if there are no units.
        unit_rows: int [units], the index of each unit's row.
    """

    pair: Samples
    sequences: dict[int, Samples]
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
            The saturated fraction of each row, float32 [rows]; the number of samples, a
            float32 scalar; and the number for `kept`, an int64 scalar.
        """
        kept = KeptSamples(
            Samples(self._sample, view.pair),
            {
                id(layer): Samples(SEQUENCE_SAMPLES, tensors)
                for layer, tensors in view.sequences
            },
        )
        shares, silent = self._activities(view)
        if silent:
            kept.unit_rows = np.repeat(
                [row for row, _ in silent], [mask.shape[0] for _, mask in silent]
            )
            masks = tf.cast(tf.concat([mask for _, mask in silent], axis=0), tf.uint8)
            kept.silent = masks
        if view.is_eager:
            self._kept.clear()
        else:
            kept.pair.make_variables()
            for samples in kept.sequences.values():
                samples.make_variables()
            if silent:
                kept.silent = step_variable(np.zeros(len(kept.unit_rows)), tf.uint8)
                kept.silent.assign(masks)
        kept.pair.keep()
        for samples in kept.sequences.values():
            samples.keep()
        self._kept.append(kept)
        return shares, self._size(view), tf.constant(len(self._kept) - 1, tf.int64)

    def _size(self, view: StepView) -> tf.Tensor:
        batch = [*view.pair, *(call.outputs for call in view.activations)]
        known = [x for x in batch if x.shape.rank]
        size = tf.shape(known[0])[0] if known else self._sample
        return tf.cast(tf.minimum(size, self._sample), tf.float32)

    def _activities(
        self, view: StepView
    ) -> tuple[tf.Tensor, list[tuple[int, tf.Tensor]]]:
        """Returns the saturated fraction of each row, and which units are silent.

        Returns:
            float32 [rows], NaN where it is not known; and for each activation the index
            of its row and bool [units].
        """
        owners = Owners(view.model, self._rows, view.calls)
        calls: dict[tuple[int, int], list[Any]] = {}
        for call in view.activations:
            row = owners.row(call.layer, call.kept)
            if row is not None and call.outputs.shape.rank:
                calls.setdefault((row, id(call.layer)), []).append(call)
        silent: list[tuple[int, tf.Tensor]] = []
        shares: dict[int, list[tf.Tensor]] = {}
        for (row, _), group in calls.items():
            taken = [self._taken(call) for call in group]
            axis = unit_axis(self._rows[row].layer)
            units = {activity.outputs.shape[axis] for activity in taken}
            if len(units) == 1 and None not in units:
                silent.append((row, silent_units(taken, axis)))
            slopes = self._slopes_of(group[0], view.is_eager)
            if slopes.reason is None:
                shares.setdefault(row, []).append(slopes.saturated(taken))
            else:
                self._reasons.setdefault("saturated_fraction", slopes.reason)
        missing = tf.constant(float("nan"))
        columns = [
            tf.add_n(shares[i]) / len(shares[i]) if i in shares else missing
            for i in range(len(self._rows))
        ]
        table = tf.stack(columns) if columns else tf.zeros([0])
        return table, silent

    def _taken(self, call: Any) -> Activity:
        kept = tf.cast(call.kept[: self._sample], tf.float32)
        inputs = kept if call.inverse is None else call.inverse(kept)
        return Activity(inputs, call.outputs[: self._sample])

    def _slopes_of(self, call: Any, is_eager: bool) -> Slopes:
        key = id(call.function)
        if key not in self._slopes:
            self._slopes[key] = outside_of_step(
                functools.partial(Slopes, call.function, call.outputs.shape, is_eager)
            )
        return self._slopes[key]
