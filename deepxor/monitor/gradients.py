"""GradientMonitor: the gradients that train a Keras model, as they train it."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.board.summaries import SummaryWriter
from deepxor.monitor import quantities, statistics
from deepxor.monitor.diagnosis import HEALTHY, Diagnosis, diagnose
from deepxor.monitor.history import History
from deepxor.monitor.interception import Interception, Tap
from deepxor.monitor.layers import activation_owners, named_layers
from deepxor.monitor.probe import Probe, Record
from deepxor.monitor.statistics import QUANTITIES

FaultHandler = Callable[[Diagnosis], None]

# NaN in these says that there is no activation to speak of.
MAY_BE_MISSING = ("dead_fraction", "saturated_fraction")


class GradientMonitor(keras.callbacks.Callback):
    """Records what the gradients of every layer are while `fit` trains a model.

    It stands in for the optimizer's `apply` while a training step runs, so it sees the
    very gradients that update the weights, before clipping, inside the compiled step:
    no second backward pass, and the weights after training are bit for bit what they
    are without it.

    Steps count from 0: step s is the s-th call of the optimizer. Steps 0, `every`,
    2 `every` ... are records, and so is the first step with a gradient that is not
    finite.

    In TensorBoard, for every layer: `gradient_norm_log10/<layer>`,
    `gradient_zero_fraction/<layer>`, `update_ratio_log10/<layer>`,
    `dead_fraction/<layer>`, `saturated_fraction/<layer>` and `weight_norm/<layer>`; and
    `global_gradient_norm_log10`. At the end the diagnosis as text, and in the folder as
    diagnosis.json.

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
            and of saturated units are taken; 0: none.
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
        self._probe: Probe | None = None
        self._interception: Interception | None = None
        self._owners: dict[int, str] = {}
        self._slopes: dict[int, float] = {}
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
        step's change over it); "dead_fraction" (of units whose activation is 0 for the
        whole sample) and "saturated_fraction" (of outputs where the activation's slope
        is below a twentieth of its largest), NaN where there is no activation.
        "global_norm", float32 [records], is the L2 norm over all layers, also those not
        chosen; "loss", float64 [records], that of the batch. "first_bad" is None, or
        the step of the first gradient that was not finite and the layer nearest to the
        output that had it.
        """
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return diagnose(self.history)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._is_auto:
            self.every = _sensible_every(self.params)
        if isinstance(self._log_dir, SummaryWriter):
            self._writer = self._log_dir
        elif self._log_dir is not None:
            self._writer = SummaryWriter(self._log_dir)
        self._probe = None
        named = named_layers(self.model)
        owners = activation_owners(self.model, named) if self.sample else []
        self._interception = Interception(
            self.model, self.params, self._monitored_apply, [part for part, _ in owners]
        )
        self._owners = {id(part): owner for part, owner in owners}
        if named:
            self._set_up(self._interception)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._probe is not None and self._probe.is_due:
            self._look(self._probe, logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._interception is not None:
            self._interception.end()
        if self._probe is not None:
            self._look(self._probe, logs or {})
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
        start = int(interception.optimizer.iterations)
        steps = self._history.steps
        if self._history.layers != list(chosen) or (steps and steps[-1] >= start):
            self._history = History(list(chosen))
            self._last_verdict, self._next_check = HEALTHY, 2
        self._slopes = {
            id(tap): quantities.largest_slope(tap.function) for tap in interception.taps
        }
        self._probe = Probe(
            chosen,
            self.every,
            start,
            self.model.steps_per_execution,
            bool(self.model.jit_compile),
            bool(self.histograms),
        )

    def _monitored_apply(
        self, interception: Interception, apply, grads, trainable_variables=None
    ) -> Any:
        """Stands in for the optimizer's `apply` while a step runs."""
        if self._probe is None:
            with tf.init_scope():
                self._set_up(interception)
        grads = list(grads)
        variables = trainable_variables
        if variables is None:
            variables = interception.optimizer._trainable_variables
        variables = list(variables)
        take_step = functools.partial(apply, grads, variables)
        total, is_first = _over_replicas(grads, interception.optimizer)
        loss = interception.take_loss()
        inputs = [(tap, tap.take()) for tap in interception.taps]
        if not is_first:
            return take_step()
        assert self._probe is not None
        return self._probe.observe(
            take_step, total, variables, lambda: self._activities(inputs), loss
        )

    def _activities(
        self, taken: list[tuple[Tap, list[tf.Tensor]]]
    ) -> dict[int, list[quantities.Activity]]:
        """Returns a layer's place -> what its activations got from the sample."""
        activities: dict[int, list[quantities.Activity]] = {}
        for tap, inputs in taken:
            owner = self._owners[id(tap.layer)]
            if owner in self._history.layers:
                place = activities.setdefault(self._history.layers.index(owner), [])
                place += [
                    quantities.Activity(
                        tap.function, tensor[: self.sample], self._slopes[id(tap)]
                    )
                    for tensor in inputs
                ]
        return activities

    def _look(self, probe: Probe, logs: dict[str, Any]) -> None:
        """Keeps, writes and judges the records since the last look."""
        for record in probe.read():
            loss = record.loss
            if np.isnan(loss):  # not seen, or really NaN, which is then the mean's, too
                loss = float(logs.get("loss", np.nan))
            self._history.add(record.step, record.table, record.global_norm, loss)
            if self._writer is not None:
                self._write(self._writer, record)
            self._find_first_bad(record)
        if self.on_fault is not None:
            self._act_on_fault()

    def _find_first_bad(self, record: Record) -> None:
        if self._history.first_bad is None:
            bad = np.flatnonzero(record.table[QUANTITIES.index("non_finite")])
            if len(bad):
                self._history.first_bad = (record.step, self._history.layers[bad[-1]])

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

    def _write(self, writer: SummaryWriter, record: Record) -> None:
        step, table = record.step, dict(zip(QUANTITIES, record.table, strict=True))
        (total,) = statistics.log10_norm(np.array([record.global_norm]))
        writer.scalar("global_gradient_norm_log10", total, step)
        charts = {
            "gradient_norm_log10": statistics.log10_norm(table["norm"]),
            "gradient_zero_fraction": table["zero_fraction"],
            "update_ratio_log10": statistics.log10_norm(table["update_ratio"]),
            "weight_norm": table["weight_norm"],
            "dead_fraction": table["dead_fraction"],
            "saturated_fraction": table["saturated_fraction"],
        }
        for chart, values in charts.items():
            for layer, value in zip(self._history.layers, values, strict=True):
                if chart not in MAY_BE_MISSING or not np.isnan(value):
                    writer.scalar(f"{chart}/{layer}", value, step)
        if (
            record.counts is not None
            and (len(self._history) - 1) % self.histograms == 0
        ):
            for layer, counts in zip(self._history.layers, record.counts, strict=True):
                writer.histogram_counts(
                    f"gradient_log10_histogram/{layer}",
                    statistics.LOG10_EDGES,
                    functools.partial(np.asarray, counts),
                    step,
                )

    def _write_diagnosis(self, writer: SummaryWriter) -> None:
        if not len(self._history):
            return
        diagnosis = self.diagnosis
        writer.text("diagnosis", diagnosis.markdown(), self._history.steps[-1])
        if writer is not self._log_dir:
            text = json.dumps(dataclasses.asdict(diagnosis), indent=2)
            path = writer.path.with_name("diagnosis.json")
            path.write_text(text + "\n", encoding="utf-8")


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


def _over_replicas(grads: list[Any], optimizer: Any) -> tuple[list[Any], bool]:
    """Returns the gradients of the whole batch, and whether to record them here.

    Args:
        grads: Those of this replica of a distribution strategy, if there is one.
        optimizer: That which gets them.

    Returns:
        Their sums over all replicas, unscaled, as the optimizer will sum them; and True
        on the first replica alone.
    """
    scale = optimizer.loss_scale_factor
    if scale is not None:
        grads = [g if g is None else g / scale for g in grads]
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return grads, True
    known = [g for g in grads if g is not None]
    sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, known))
    total = [g if g is None else next(sums) for g in grads]
    place = tf.get_static_value(context.replica_id_in_sync_group)
    return total, place in (0, None)
