"""GradientMonitor: the gradients that train a Keras model, as they train it."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.board.step_summary import StepSummary
from deepxor.board.summaries import SummaryWriter
from deepxor.monitor import quantities, statistics
from deepxor.monitor.diagnosis import HEALTHY, Diagnosis, diagnose
from deepxor.monitor.history import History
from deepxor.monitor.interception import (
    Interception,
    MonitoredTrainFunction,
    Tap,
)
from deepxor.monitor.layers import activation_owners, named_layers
from deepxor.monitor.probe import MEASURED, Probe, Records
from deepxor.monitor.recurrence import Recurrence
from deepxor.monitor.schedule import Detail, Schedule, Sparse
from deepxor.monitor.skill import Skill
from deepxor.monitor.statistics import (
    ACTIVATION_QUANTITIES,
    QUANTITIES,
    RECURRENT_QUANTITIES,
    WEIGHT_QUANTITIES,
)
from deepxor.monitor.updates import Updates

FaultHandler = Callable[[Diagnosis], None]

# NaN in these says that there is no activation to speak of, no update seen, or no
# recurrent layer.
MAY_BE_MISSING = (
    *ACTIVATION_QUANTITIES,
    *WEIGHT_QUANTITIES,
    "update_ratio_log10",
    "time_ratio_log10",
)

# Reading from the device takes as long as a small step. Where records follow closely,
# those without weights wait for the next one that has them, or this many seconds.
MOST_WAIT = 1.0

# Where a record's numbers stand in a history's.
MEASURED_ROWS = [QUANTITIES.index(name) for name in MEASURED]
WEIGHT_ROWS = [QUANTITIES.index(name) for name in WEIGHT_QUANTITIES]
RECURRENT_ROWS = [QUANTITIES.index(name) for name in RECURRENT_QUANTITIES]


class GradientMonitor(keras.callbacks.Callback):
    """Records what the gradients of every layer are while `fit` trains a model.

    It stands in for the optimizer's `apply` while a training step runs, so it sees the
    very gradients that update the weights, before clipping, inside the compiled step:
    no second backward pass, and the weights after training are bit for bit what they
    are without it. Steps between two records run in a function of their own, compiled
    without what a record takes.

    Steps count from 0: step s is the s-th call of the optimizer. Steps 0, `every`,
    2 `every` ... are records. The first step with a gradient that is not finite is
    noticed in between, too.

    In TensorBoard, for every layer: `gradient_norm_log10/<layer>`,
    `gradient_zero_fraction/<layer>`, `update_ratio_log10/<layer>`,
    `dead_fraction/<layer>`, `saturated_fraction/<layer>` and `weight_norm/<layer>`; for
    recurrent ones `time_ratio_log10/<layer>`; and `global_gradient_norm_log10` and
    `skill`. At the end the diagnosis as text, and in the folder as diagnosis.json.

    Args:
        log_dir: Where event files go, or a writer that is open already, which is then
            shared and left open; None keeps the history in memory only, which is
            bounded: a long one gets sparser in its older half.
        every: Steps from one record to the next. None: 1 in a `fit` of up to 100 steps,
            10 up to 1,000, 100 in a longer one or one of unknown length.
        layers: A regular expression; only layers in whose name it is found are kept.
            None: all.
        histograms: Every how many records a histogram of log10 of each layer's gradient
            elements is written as `gradient_log10_histogram/<layer>`; 0: never.
        sample: Samples of the batch from whose pre-activations the fractions of dead
            and of saturated units are taken, and from whose predictions the skill;
            0: none, and no "time_ratio" either.
        on_fault: What happens when the diagnosis, which is then made again and again
            during training, is a fault it was not before: "warn", "stop" or a function
            of a `Diagnosis`. None: nothing.

    Raises:
        ValueError: If an argument is not allowed.

    Example:

        monitor = deepxor.GradientMonitor("logdir/my-run")
        model.fit(x, y, callbacks=[monitor])
        print(monitor.diagnosis)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int | None = None,
        *,
        layers: str | None = None,
        histograms: int = 0,
        sample: int = 32,
        on_fault: str | FaultHandler | None = None,
    ) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(f"every={every}: allowed is None or at least 1")
        for name, number in (("histograms", histograms), ("sample", sample)):
            if number < 0:
                raise ValueError(f"{name}={number}: allowed is an integer from 0")
        if isinstance(on_fault, str) and on_fault not in ("warn", "stop"):
            raise ValueError(
                f"on_fault={on_fault!r}: allowed are 'warn', 'stop', a function, None"
            )
        self.every = every or 0
        self.histograms = histograms
        self.sample = sample
        self.on_fault = on_fault
        self._is_auto = every is None
        self._pattern = layers
        self._is_chosen = _matcher(layers)
        self._log_dir = log_dir
        self._writer: SummaryWriter | None = None
        self._history = History([])
        self._probe: Any = None  # until the model is built, like the next five
        self._updates: Any = None
        self._recurrence: Any = None
        self._skill: Any = None
        self._sparse: Any = None
        self._schedule: Any = None
        self._interception: Any = None
        self._train_function: Any = None
        self._owners: dict[int, str] = {}
        self._slopes: dict[int, float] = {}
        self._optimizer: Any = None
        self._next_step = 0
        self._sees_loss = True
        self._is_waiting = False
        self._last_look = 0.0
        self._last_verdict = HEALTHY
        self._next_check = 2

    @property
    def history(self) -> dict[str, Any]:
        """What was recorded, as a mapping.

        "step" is int64 [records]; "layer" a list of names in forward order. float32
        [records, layers] each: of the loss gradient with respect to a layer's weights
        "norm" (L2), "mean_abs", "max_abs" (of its elements), "zero_fraction" (of its
        elements that are exactly 0) and "non_finite" (number of NaN and infinite
        elements); "weight_norm" (L2, before the step) and "update_ratio" (L2 of the
        change over it; with steps_per_execution, of all steps of the call);
        "dead_fraction" (of units whose activation is 0 for the whole sample) and
        "saturated_fraction" (of outputs where the activation's slope is below a
        twentieth of its largest), NaN where there is no activation. After the first
        `schedule.FULL_RECORDS` the latter four are NaN in records less than a quarter
        of the steps so far, or `schedule.FULL_EVERY`, after one that has them.
        "time_ratio" is what is left in a recurrent layer of the gradient with respect
        to its last output when it arrives at the initial state (L2 norms, see
        `recurrence.time_ratio`), now and then, and NaN otherwise and for other layers.
        "global_norm", float32 [records], is the L2 norm over all layers, also those not
        chosen; "loss", float64 [records], that of the batch; "skill", float64
        [records], that of its predictions (see `skill.skill`), as often as
        "time_ratio"; with steps_per_execution both are those of the call's last step.
        "first_bad" is None, or the step of the first gradient that was not finite and
        the layer nearest to the output that had it.
        """
        if self._is_waiting:
            self._look({})
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return diagnose(self.history)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._is_waiting:  # an exception cut the fit before short
            self._look({})
        if self._is_auto:
            self.every = _sensible_every(self.params)
        if isinstance(self._log_dir, SummaryWriter):
            self._writer = self._log_dir
        elif self._log_dir is not None:
            self._writer = SummaryWriter(self._log_dir)
        self._probe = self._updates = self._schedule = None
        named = named_layers(self.model)
        owners = activation_owners(self.model, named) if self.sample else []
        interception = Interception(
            self.model, self._monitored_apply, [part for part, _ in owners]
        )
        self._interception = interception
        self._train_function = MonitoredTrainFunction.join(
            self.model, self.params, interception
        )
        self._owners = {id(part): owner for part, owner in owners}
        if named:
            self._set_up(interception)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._train_function.arm()
        if self._schedule is not None:
            detail = self._schedule.detail()
            self._interception.mode = detail
            if detail is Detail.FULL:
                self._updates.start(self._schedule.step)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._schedule is None:
            return
        self._schedule.count_call()
        detail = self._interception.mode
        if detail is Detail.GRADIENTS and self._may_wait():
            self._is_waiting = True
        elif detail is not Detail.NONE:
            self._look(logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._train_function.end()
        if self._schedule is not None:
            self._look(logs or {})
            # The mean of the last epoch: there may have been no record since.
            if not np.isfinite(float((logs or {}).get("loss", 0))):
                self._note_bad((self._next_step - 1, None))
        if self._writer is not None:
            self._write_diagnosis(self._writer)
            self._writer.flush()
            if self._writer is not self._log_dir:
                self._writer.close()

    def _set_up(self, interception: Interception) -> None:
        """Makes the probe for the layers of the model, which is built by now."""
        layers = named_layers(self.model)
        chosen = {name: x for name, x in layers.items() if self._is_chosen(name)}
        if layers and not chosen:
            raise ValueError(
                f"layers={self._pattern!r}: found in none of {', '.join(layers)}"
            )
        start = int(interception.optimizer.iterations.numpy())
        if interception.optimizer is self._optimizer:
            # Its own count stands still while it accumulates gradients.
            start = max(start, self._next_step)
        self._optimizer = interception.optimizer
        steps = self._history.steps
        if self._history.layers != list(chosen) or (steps and steps[-1] >= start):
            self._history = History(list(chosen))
            self._last_verdict, self._next_check = HEALTHY, 2
        self._slopes = {
            id(tap): quantities.largest_slope(tap.function) for tap in interception.taps
        }
        several = self.model.steps_per_execution
        self._probe = Probe(
            chosen,
            self.every,
            start,
            several,
            has_histograms=bool(self.histograms),
            is_compiled=bool(self.model.jit_compile),
        )
        self._updates = Updates(chosen)
        names = list(chosen)
        taps = interception.sequence_taps
        owners = [(tap.layer, self._owners[id(tap.layer)]) for tap in taps]
        self._sparse = Sparse(start)
        self._skill = Skill(getattr(self.model, "loss", None), self.sample)
        self._recurrence = Recurrence(
            [(part, names.index(name)) for part, name in owners if name in chosen],
            len(names),
        )
        self._schedule = Schedule(self.every, self._probe.next_step, several)

    def _monitored_apply(
        self, interception: Interception, apply, grads, trainable_variables=None
    ) -> Any:
        """Stands in for the optimizer's `apply` while a step runs."""
        if tf.is_symbolic_tensor(interception.optimizer.variables[0].value):
            raise TypeError(
                f"{type(self.model).__name__} trains in a keras.StatelessScope, where "
                "nothing that a GradientMonitor keeps would last: for a network of "
                "deepxor's lab use deepxor.lab.instrument.ReplicaMonitor"
            )
        if self._probe is None:
            with tf.init_scope():
                self._set_up(interception)
        grads = list(grads)
        variables = trainable_variables
        if variables is None:
            variables = interception.optimizer._trainable_variables
        variables = list(variables)
        scale = interception.optimizer.loss_scale_factor
        if scale is None:
            seen = grads
        else:
            seen = [g if g is None else g / scale for g in grads]
        loss, predictions = interception.take_loss(), interception.take_predictions()
        self._sees_loss = loss is not None
        kept = [(tap, tap.take()) for tap in interception.taps]
        sequences = {id(tap.layer): tap.take() for tap in interception.sequence_taps}
        # Before the model is built there is no schedule, and no mode.
        detail = interception.mode or Detail.FULL
        if detail is not Detail.NONE:
            *seen, loss = _over_replicas([*seen, loss])
        if _is_first_replica():
            activities: dict[str, list[tuple[Tap, list[tf.Tensor]]]] = {}
            for tap, tensors in kept if detail is Detail.FULL else []:
                owner = self._owners[id(tap.layer)]
                activities.setdefault(owner, []).append((tap, tensors))
            self._probe.observe(
                seen,
                variables,
                {
                    layer: functools.partial(self._activities, taken)
                    for layer, taken in activities.items()
                },
                loss,
                may_record=detail is not Detail.NONE,
            )
            if detail is Detail.FULL:
                self._skill.keep(predictions)
                self._recurrence.keep(sequences)
        return apply(grads, trainable_variables)

    def _activities(
        self, kept: list[tuple[Tap, list[tf.Tensor]]]
    ) -> list[quantities.Activity]:
        """Returns what the activations of one layer got from the sample."""
        return [
            quantities.Activity(
                tap.function,
                tap.pre_activations(tensor[: self.sample]),
                self._slopes[id(tap)],
            )
            for tap, tensors in kept
            for tensor in tensors
        ]

    def _may_wait(self) -> bool:
        """Whether the record just made can be read later."""
        return (
            self._sees_loss  # otherwise it is in this call's logs
            and self.on_fault is None
            and self._schedule.is_counted
            and self._probe.has_room(self._schedule.step)
            and time.monotonic() - self._last_look < MOST_WAIT
        )

    def _look(self, logs: dict[str, Any]) -> None:
        """Keeps, writes and judges the records since the last look."""
        self._is_waiting = False
        self._last_look = time.monotonic()
        self._next_step = self._schedule.look()
        updated, weights = self._updates.finish(self._next_step)
        records = self._probe.read(self._next_step)
        shape = (len(records.steps), len(QUANTITIES), len(self._history.layers))
        tables = np.full(shape, np.nan, np.float32)
        tables[:, MEASURED_ROWS] = records.tables
        self._note_bad(self._first_bad(records))
        for index, step in enumerate(records.steps):
            table = tables[index].copy()  # which may outlast those beside it
            skill = float("nan")
            if step in updated:
                table[WEIGHT_ROWS] = weights
                # What is kept is that of the call's last step.
                if step == records.steps[-1] and self._sparse.is_due(step):
                    table[RECURRENT_ROWS] = self._recurrence.measure()
                    skill = self._skill.measure()
            loss = float(records.losses[index])
            if math.isnan(loss):  # not seen, or really NaN, as the mean's is then, too
                loss = float(logs.get("loss", np.nan))
            norm = float(records.global_norms[index])
            self._history.add(step, table, norm, loss, skill)
            if self._writer is not None:
                counts = None if records.counts is None else records.counts[index]
                self._write(self._writer, step, norm, counts)
                if not math.isnan(skill):
                    self._writer.scalar("skill", skill, step)
        self._note_bad(self._probe.first_bad)
        if self.on_fault is not None:
            self._act_on_fault()

    def _first_bad(self, records: Records) -> tuple[int, str | None] | None:
        """Returns step and last bad layer of the first record that has any."""
        bad = np.argwhere(records.tables[:, MEASURED.index("non_finite")])
        if not len(bad):
            return None
        first = bad[0, 0]
        layer = bad[bad[:, 0] == first, 1][-1]
        return records.steps[first], self._history.layers[layer]

    def _note_bad(self, bad: tuple[int, str | None] | None) -> None:
        """Keeps the first step with a gradient that is not finite."""
        known = self._history.first_bad
        if bad is not None and (known is None or bad[0] < known[0]):
            self._history.first_bad = bad

    def _act_on_fault(self) -> None:
        """Makes the diagnosis now and then, and acts if it has become a fault."""
        if len(self._history) < self._next_check:
            return
        # Each time a tenth more records: in all, no more work than a few diagnoses.
        self._next_check = len(self._history) + 1 + len(self._history) // 10
        diagnosis = self.diagnosis
        is_new = diagnosis.verdict not in (HEALTHY, self._last_verdict)
        self._last_verdict = diagnosis.verdict
        if not is_new:
            return
        if callable(self.on_fault):
            self.on_fault(diagnosis)
        else:
            warnings.warn(f"GradientMonitor: {diagnosis}", stacklevel=2)
        if self.on_fault == "stop":
            self.model.stop_training = True

    def _write(
        self,
        writer: SummaryWriter,
        step: int,
        global_norm: float,
        counts: np.ndarray | None,
    ) -> None:
        """Writes the latest record of the history."""
        table = {name: self._history.latest(name) for name in QUANTITIES}
        (total,) = statistics.log10_norm(np.array([global_norm]))
        writer.scalar("global_gradient_norm_log10", total, step)
        norm_log10 = statistics.log10_norm(table["norm"])
        update_log10 = statistics.log10_norm(table["update_ratio"])
        same = ("zero_fraction", "non_finite", *ACTIVATION_QUANTITIES)
        flow = {name: table[name] for name in same}
        flow |= {"norm_log10": norm_log10, "update_ratio_log10": update_log10}
        writer.flow(self._history.layers, flow, step)
        charts = {
            "gradient_norm_log10": norm_log10,
            "gradient_zero_fraction": table["zero_fraction"],
            "update_ratio_log10": update_log10,
            "weight_norm": table["weight_norm"],
            "dead_fraction": table["dead_fraction"],
            "saturated_fraction": table["saturated_fraction"],
            "time_ratio_log10": statistics.log10_norm(table["time_ratio"]),
        }
        for chart, values in charts.items():
            for layer, value in zip(self._history.layers, values, strict=True):
                if chart not in MAY_BE_MISSING or not np.isnan(value):
                    writer.scalar(f"{chart}/{layer}", value, step)
        if counts is not None and (len(self._history) - 1) % self.histograms == 0:
            tags = [f"gradient_log10_histogram/{x}" for x in self._history.layers]
            writer.add(functools.partial(_add_histograms, tags, counts), step)

    def _write_diagnosis(self, writer: SummaryWriter) -> None:
        if not len(self._history):
            return
        diagnosis = self.diagnosis
        fields = dataclasses.asdict(diagnosis)
        writer.text("diagnosis", diagnosis.markdown(), self._history.steps[-1])
        writer.flow_diagnosis(fields, self._history.steps[-1])
        if writer is not self._log_dir:
            text = json.dumps(fields, indent=2)
            path = writer.path.with_name("diagnosis.json")
            path.write_text(text + "\n", encoding="utf-8")


def _add_histograms(
    tags: Sequence[str], counts: np.ndarray, summary: StepSummary
) -> None:
    for tag, row in zip(tags, counts, strict=True):
        summary.histogram_counts(tag, statistics.LOG10_EDGES, row)


def _matcher(pattern: str | None) -> Callable[[str], bool]:
    try:
        expression = re.compile(pattern or "")
    except (re.error, TypeError) as error:
        raise ValueError(
            f"layers={pattern!r}: allowed is a regular expression ({error})"
        ) from None
    return lambda name: expression.search(name) is not None


def _sensible_every(params: dict[str, Any]) -> int:
    """Returns how often to record in a fit of these steps and epochs."""
    if not params.get("steps"):
        return 100
    steps = params["steps"] * params["epochs"]
    return 1 if steps <= 100 else 10 if steps <= 1000 else 100


def _over_replicas(tensors: list[Any]) -> list[Any]:
    """Returns sums over the replicas of a distribution strategy, if there is one.

    Args:
        tensors: This replica's share of each; None stays None.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensors
    known = [tensor for tensor in tensors if tensor is not None]
    sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, known))
    return [tensor if tensor is None else next(sums) for tensor in tensors]


def _is_first_replica() -> bool:
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return True
    return tf.get_static_value(context.replica_id_in_sync_group) in (0, None)
