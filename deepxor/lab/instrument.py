"""The gradient monitor of networks side by side: norms of all steps and replicas."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deepxor.board.step_summary import StepSummary
from deepxor.board.summaries import SummaryWriter
from deepxor.lab.networks import Latest, ReplicaNetwork, pack
from deepxor.lab.verdict import WINDOW, judge
from deepxor.monitor import quantities, statistics
from deepxor.monitor.diagnosis import Diagnosis
from deepxor.monitor.gradients import GradientMonitor
from deepxor.monitor.history import History
from deepxor.monitor.interception import Interception
from deepxor.monitor.statistics import QUANTITIES

# In which bin each norm of a training batch counts is kept until its end. With many
# replicas that comes before they outgrow the cache by far.
BUFFER_BYTES = 16 * 2**20


def buffer_steps(every: int, layers: int, replicas: int) -> int:
    """Returns how many steps a training batch may have.

    Args:
        every: Steps from one record to the next: a batch has at most as many.
        layers: The number of layers.
        replicas: The number of independent networks.

    Returns:
        At least 1 and at most `every`.
    """
    return max(1, min(every, BUFFER_BYTES // (layers * replicas)))


class ReplicaMonitor(GradientMonitor):
    """Records the gradient norm of every layer, step and replica of a lab's network.

    As `GradientMonitor`, with a value for each replica, and with the norms of all steps
    between two records in the histogram of the later one. Steps 0, `every`, 2 `every`
    ... and the last are records; each has to be the last step of its training batch, as
    `training.plan_batches` cuts them.

    In TensorBoard: `gradient_norm_log10/<layer>` (the median over replicas),
    `gradient_zero_fraction/<layer>`, and `gradient_norm_log10_histogram/<layer>` over
    every step since the last record and every replica.

    Args:
        log_dir: As `GradientMonitor`'s.
        every: Steps from one record to the next.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int = 100,
    ) -> None:
        super().__init__(log_dir, every, sample=0)
        self._first_norms: np.ndarray | None = None
        self._recent_norms: list[np.ndarray] = []
        self._counts = np.zeros((0, 0), np.int64)
        self._last_record = -1
        self._traced: list[tf.Tensor] = []
        self._gradients: tf.Tensor | None = None
        self._seen = 0
        self._number = 0

    @property
    def history(self) -> dict[str, Any]:
        """What was recorded: `GradientMonitor.history`, medians over the replicas.

        Fractions and counts are over all replicas; what an update changes is not
        recorded. Also "first" [layers, R] and "recent" [up to `verdict.WINDOW`, layers,
        R], every replica's norms at the first and at the latest records.
        """
        self._settle()
        shape = (len(self._history.layers), getattr(self.model, "replicas", 0))
        first = self._first_norms
        recent = np.array(self._recent_norms, np.float32)
        return {
            **super().history,
            "first": np.zeros(shape, np.float32) if first is None else first,
            "recent": recent.reshape(len(self._recent_norms), *shape),
        }

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return judge(self.history)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that it has measured, for a checkpoint between two batches.

        Where there is a writer, it is to be called on the writer's thread.
        """
        state = {**self._history.state(), "counts": self._counts}
        if self._first_norms is not None:
            state["first"] = self._first_norms
            state["recent"] = np.array(self._recent_norms)
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`; to be called before `fit`.

        Args:
            state: Of a monitor of the same model.
        """
        self._history = History.from_state(state)
        self._counts = state["counts"]
        if "first" in state:
            self._first_norms = state["first"]
            self._recent_norms = list(state["recent"])

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        latest: Latest = self.model.latest
        start, self._seen = self._seen, latest.step + 1
        bins, self._gradients = latest.kept[self._number]
        # Rows are used again if a batch has more steps than there are.
        steps = np.arange(max(0, self._seen - start - len(bins)), self._seen - start)
        take = functools.partial(self._take, bins, steps % len(bins))
        if (self._seen - 1) % self.every == 0:
            self._record(take, logs or {})
        elif self._writer is not None:
            self._writer.after(take)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.model.observers.remove(self)
        if self._gradients is not None and self._last_record < self._seen - 1:
            self._record(lambda: None, logs or {})
        super().on_train_end(logs)

    def nothing(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """As `networks.Observer`: bins of norms, and gradients.

        Args:
            replicas: R.

        Returns:
            uint8 [steps, layers, R], then float32 [..., R] of each variable.
        """
        layers = len(self._history.layers)
        steps = buffer_steps(self.every, layers, self.model.replicas)
        bins = tf.zeros([steps, layers, replicas], tf.uint8)
        # Any values of their shapes: a batch has a step. To copy them takes no code.
        weights = [variable.value for variable in self.model.trainable_variables]
        return [bins, *(tf.cast(weight, tf.float32) for weight in weights)]

    def observe(self, i: tf.Tensor, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """As `networks.Observer`: adds a step's norms; keeps its gradients only."""
        bins, *_ = kept
        gradients, self._traced = self._traced, []
        if not gradients:  # of a fit without it, after one that an exception ended
            return kept
        with tf.name_scope("gradient_monitor"):
            norms = tf.sqrt(squared_norms(gradients[::2], gradients[1::2]))
            row = quantities.log10_bins(norms)[None]
            bins = tf.tensor_scatter_nd_update(bins, [[i % bins.shape[0]]], row)
            return [bins, *gradients]

    def result(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """As `networks.Observer`: the bins, and the gradients as [weights, R]."""
        bins, *gradients = kept
        return [bins, pack(gradients)]

    def _set_up(self, interception: Interception) -> None:
        """Has the steps that are about to be traced keep what it records."""
        model: ReplicaNetwork = self.model
        names = [layer.name for layer in model.stack]
        if self._history.layers != names:
            self._history = History(names)
            self._first_norms, self._recent_norms = None, []
            bins = len(statistics.LOG10_EDGES) - 1
            self._counts = np.zeros((len(names), bins), np.int64)
        self._seen = int(interception.optimizer.iterations.value)
        self._last_record = self._history.steps[-1] if len(self._history) else -1
        self._gradients = None
        # An exception may have left some in place.
        model.observers[:] = [x for x in model.observers if x is not self]
        self._number = len(model.observers)
        model.observers.append(self)
        shapes = [variable.shape for variable in model.trainable_variables]
        rows = [np.prod(shape[:-1], dtype=int) for shape in shapes]
        self._starts = np.cumsum([0, *rows])[:-1:2]

    def _monitored_apply(
        self, interception: Interception, apply, grads, trainable_variables=None
    ) -> Any:
        """Stands in for the optimizer's `apply` while a step is traced."""
        grads = list(grads)
        self._traced = [tf.cast(gradient, tf.float32) for gradient in grads]
        return apply(grads, trainable_variables)

    def _record(self, take: Callable[[], None], logs: dict[str, Any]) -> None:
        """Makes a record of the last step; if there is a writer, on its thread.

        Args:
            take: Takes the norms not yet in a histogram.
            logs: Of `fit`.
        """
        self._last_record = step = self._seen - 1
        gradients, loss = self._gradients, float(logs.get("loss", np.nan))
        if self._writer is None:
            self._keep(step, gradients, loss)
            return

        def fill(summary: StepSummary) -> None:
            take()
            counts, self._counts = self._counts, np.zeros_like(self._counts)
            self._add_record(summary, counts, self._keep(step, gradients, loss))

        self._writer.add(fill, step)

    def _take(self, bins: tf.Tensor, rows: np.ndarray) -> None:
        """Counts the norms of some steps for the next record's histogram."""
        self._counts = self._counts + statistics.bin_counts(np.asarray(bins)[rows])

    def _settle(self) -> None:
        """Waits until the writer's thread has kept every record taken."""
        if self._writer is not None:
            self._writer.flush()

    def _keep(
        self, step: int, gradients: tf.Tensor, loss: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adds a record to the history.

        Args:
            step: The step.
            gradients: Its gradients, [weights, R].
            loss: As `fit` logs it.

        Returns:
            10th and 90th percentile of the norms over the replicas, [layers] each.
        """
        rows = np.asarray(gradients)
        exact = self._exact_norms(rows)
        if not len(self._history):
            self._first_norms = exact
        self._recent_norms = [*self._recent_norms[1 - WINDOW :], exact]
        p10, median, p90 = statistics.finite_percentiles(exact, 10, 50, 90)
        table = self._table(rows, median)
        total = np.sqrt(np.square(exact.astype(np.float64)).sum(axis=0))
        self._history.add(step, table, float(np.median(total)), loss)
        return p10, p90

    def _exact_norms(self, gradients: np.ndarray) -> np.ndarray:
        """Returns float32 [layers, R]; the norms of the steps underflow below 1e-19.

        A deep sigmoid network has such gradients, and vanishing would look like dead.
        """
        squares = np.square(gradients.astype(np.float64))
        return np.sqrt(np.add.reduceat(squares, self._starts)).astype(np.float32)

    def _table(self, gradients: np.ndarray, norm: np.ndarray) -> np.ndarray:
        """Returns [quantities, layers], as a history's records are."""
        sizes = np.diff([*self._starts, len(gradients)])

        def mean(values: np.ndarray) -> np.ndarray:
            return np.add.reduceat(values.mean(axis=1), self._starts) / sizes

        absolute = np.abs(gradients)
        finite = np.isfinite(gradients)
        values = dict.fromkeys(QUANTITIES, np.full(len(sizes), np.nan))
        values["norm"] = norm
        values["mean_abs"] = mean(absolute)
        values["max_abs"] = np.maximum.reduceat(absolute.max(axis=1), self._starts)
        values["zero_fraction"] = mean(gradients == 0)
        values["non_finite"] = np.add.reduceat((~finite).sum(axis=1), self._starts)
        return np.array([values[name] for name in QUANTITIES], np.float32)

    def _add_record(
        self,
        summary: StepSummary,
        counts: np.ndarray,
        band: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Adds the latest record of the history to its step's summary.

        Args:
            summary: The step's.
            counts: Of the norms of all steps since the record before, [layers, bins].
            band: As `_keep` returns it.
        """
        log10 = statistics.log10_norm(self._history.latest("norm"))
        zeros = self._history.latest("zero_fraction")
        flow = {
            "norm_log10": log10,
            "norm_log10_p10": statistics.log10_norm(band[0]),
            "norm_log10_p90": statistics.log10_norm(band[1]),
            "zero_fraction": zeros,
            "non_finite": self._history.latest("non_finite"),
        }
        layers = self._history.layers
        summary.flow(layers, flow)
        rows = zip(layers, log10, zeros, counts, strict=True)
        for layer, norm, zero_fraction, row in rows:
            summary.scalar(f"gradient_norm_log10/{layer}", norm)
            summary.scalar(f"gradient_zero_fraction/{layer}", zero_fraction)
            summary.histogram_counts(
                f"gradient_norm_log10_histogram/{layer}", statistics.LOG10_EDGES, row
            )

    def _write_diagnosis(self, writer: SummaryWriter) -> None:
        """Leaves it to the run's end: a run may be interrupted, and go on."""


def squared_norms(
    kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns the squared L2 norm of each layer's gradient, replica by replica.

    Over a kernel's inputs first, then over the units of all layers at once. XLA on a
    CPU makes one loop over both of a plain sum, which does not vectorise: that costs a
    fifth of a step, this less than a tenth.

    Args:
        kernels: [inputs, units, R] of each layer.
        biases: [units, R] of each layer.

    Returns:
        [layers, R].
    """
    columns = [
        tf.reduce_sum(tf.square(kernel), axis=0) + tf.square(bias)
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    most = max(column.shape[0] for column in columns)
    # Units first: a sum over the first axis is one that vectorises.
    rows = tf.stack([_pad(column, most) for column in columns], axis=1)
    return tf.reduce_sum(rows, axis=0)


def _pad(rows: tf.Tensor, count: int) -> tf.Tensor:
    """Returns [rows, R] with zeros below, as [count, R]."""
    missing = count - rows.shape[0]
    return tf.pad(rows, [[0, missing], [0, 0]]) if missing else rows
