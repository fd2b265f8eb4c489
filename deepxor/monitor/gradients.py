"""GradientMonitor: the gradients that train a Keras model, as they train it."""

from __future__ import annotations

import functools
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.board.summaries import SummaryWriter
from deepxor.monitor import statistics
from deepxor.monitor.diagnosis import WINDOW, Diagnosis, diagnose

# The norms of the steps since the last look are kept on the device. With many replicas
# they are looked at before they outgrow the cache by far.
BUFFER_BYTES = 16 * 2**20


def buffer_steps(every: int, layers: int, replicas: int = 1) -> int:
    """Returns how many steps' norms the monitor keeps between two looks.

    Args:
        every: Steps from one record to the next: it looks at least as often.
        layers: The number of layers.
        replicas: The number of independent networks.

    Returns:
        At least 1 and at most `every`.
    """
    return max(1, min(every, BUFFER_BYTES // (8 * layers * replicas)))


class GradientMonitor(keras.callbacks.Callback):
    """Records the gradient norm of every layer at every step of `fit`.

    It wraps the optimizer's `apply` while `fit` runs, so it sees the very gradients
    that update the weights, before clipping, inside the compiled step: no second
    backward pass, and the weights after training are bit for bit what they are without
    it.

    Steps count from 0: step s is the s-th call of the optimizer. Steps 0, `every`,
    2 `every` ... and the last are records; the norms of the steps between go into the
    histogram of the next record.

    In TensorBoard: `gradient_norm_log10/<layer>` (with replicas, the median),
    `gradient_zero_fraction/<layer>`, and `gradient_norm_log10_histogram/<layer>` over
    every step since the last record and every replica.

    Args:
        log_dir: Where event files go, or a writer that is open already, which is then
            shared and left open; None keeps the history in memory only.
        every: Steps from one record to the next.
        replicas: R, if the last axis of every variable counts R independent networks,
            as in `deepxor.lab`; None for an ordinary model.

    Raises:
        ValueError: If `every` or `replicas` is less than 1.

    Example:

        monitor = deepxor.GradientMonitor("logdir/my-run")
        model.fit(x, y, callbacks=[monitor])
        print(monitor.diagnosis)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int = 100,
        *,
        replicas: int | None = None,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every={every}: allowed is an integer of at least 1")
        if replicas is not None and replicas < 1:
            raise ValueError(f"replicas={replicas}: allowed is None or at least 1")
        self.every = every
        self.replicas = replicas
        self._log_dir = log_dir
        self._writer: SummaryWriter | None = None
        self._layer_names: list[str] = []
        self._records: dict[str, list[Any]] = {
            "step": [],
            "norm": [],
            "zero_fraction": [],
            "loss": [],
        }
        self._counts = np.zeros((0, 0), np.int64)
        self._first_norms: np.ndarray | None = None
        self._recent_norms: list[np.ndarray] = []

    @property
    def history(self) -> dict[str, Any]:
        """What was recorded.

        A mapping of "step", int64 [records]; "layer", names in forward order; "norm",
        float32 [records, layers], the L2 norm of the loss gradient (with replicas, the
        median of the finite ones); "zero_fraction", float32 [records, layers], the
        fraction of exact zeros among the gradient's elements; and "loss", float64
        [records], as `fit` logged it. Also "first" [layers, R] and "recent" [up to
        `diagnosis.WINDOW`, layers, R], every replica's norms at the first and at the
        latest records; R is 1 for an ordinary model.
        """
        layers = len(self._layer_names)
        replicas = self.replicas or 1
        first = self._first_norms
        return {
            "step": np.array(self._records["step"], np.int64),
            "layer": list(self._layer_names),
            "norm": _rows(self._records["norm"], layers),
            "zero_fraction": _rows(self._records["zero_fraction"], layers),
            "loss": np.array(self._records["loss"], np.float64),
            "first": np.zeros((layers, replicas), np.float32)
            if first is None
            else first,
            "recent": np.array(self._recent_norms, np.float32).reshape(
                len(self._recent_norms), layers, replicas
            ),
        }

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return diagnose(self.history)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that it has measured, for a checkpoint between batches."""
        self._look(int(self.model.optimizer.iterations), {})
        arrays = {name: np.array(value) for name, value in self.history.items()}
        return {**arrays, "counts": self._counts}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`; to be called before `fit`."""
        self._layer_names = [str(name) for name in state["layer"]]
        for name, rows in self._records.items():
            rows[:] = list(state[name])
        self._first_norms = state["first"] if len(state["step"]) else None
        self._recent_norms = list(state["recent"])
        self._counts = state["counts"]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        layers = [layer for layer in self.model.layers if layer.trainable_variables]
        self._layer_names = [layer.name for layer in layers]
        self._layer_of = {
            variable.path: i
            for i, layer in enumerate(layers)
            for variable in layer.trainable_variables
        }
        capacity = max(
            buffer_steps(self.every, len(layers), self.replicas or 1),
            self.model.steps_per_execution,
        )
        # For every step a norm and a zero fraction, by layer and replica.
        self._buffer = tf.Variable(
            tf.zeros([capacity, 2, len(layers), self.replicas or 1]), trainable=False
        )
        shape = (len(layers), len(statistics.LOG10_EDGES) - 1)
        if self._counts.shape != shape:
            self._counts = np.zeros(shape, np.int64)
        if isinstance(self._log_dir, SummaryWriter):
            self._writer = self._log_dir
        elif self._log_dir is not None:
            self._writer = SummaryWriter(self._log_dir)
        self._seen = self._batch_start = int(self.model.optimizer.iterations)
        self._batch_steps = 1
        self._wrap()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        end = int(self.model.optimizer.iterations)
        self._batch_steps, self._batch_start = end - self._batch_start, end
        last_record = (end - 1) // self.every * self.every
        is_full = end - self._seen + self._batch_steps > self._buffer.shape[0]
        if is_full or last_record >= self._seen:
            self._look(end, logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._unwrap()
        end = int(self.model.optimizer.iterations)
        steps = self._records["step"]
        if end > 0 and (not steps or steps[-1] < end - 1):
            self._look(end, logs or {}, is_last=True)
        if self._writer is not None:
            self._writer.flush()
            if self._writer is not self._log_dir:
                self._writer.close()

    def _wrap(self) -> None:
        optimizer = self.model.optimizer
        apply = optimizer.apply

        def monitored_apply(grads, trainable_variables=None):
            variables = trainable_variables
            if variables is None:
                variables = optimizer._trainable_variables
            self._measure(grads, variables)
            return apply(grads, trainable_variables)

        optimizer.apply = monitored_apply
        # A function traced by an earlier fit would go on calling the unwrapped apply.
        self.model.make_train_function(force=True)

    def _unwrap(self) -> None:
        del self.model.optimizer.apply
        self.model.make_train_function(force=True)

    def _measure(self, gradients: list, variables: list) -> None:
        """Adds to the step being traced what writes its norms into the buffer."""
        by_layer: list[list[tf.Tensor]] = [[] for _ in self._layer_names]
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None and variable.path in self._layer_of:
                by_layer[self._layer_of[variable.path]].append(gradient)
        shape = [self.replicas or 1]
        nothing = [tf.zeros(shape)]
        with tf.name_scope("gradient_monitor"):
            pairs = [
                statistics.layer_statistics(gradients or nothing, self.replicas)
                for gradients in by_layer
            ]
            norms, zeros = (
                tf.stack([tf.reshape(values, shape) for values in column])
                for column in zip(*pairs, strict=True)
            )
            step = tf.cast(self.model.optimizer.iterations.value, tf.int32)
            row = [[step % self._buffer.shape[0]]]
            update = tf.stack([norms, zeros])[None]
            self._buffer.assign(tf.tensor_scatter_nd_update(self._buffer, row, update))

    def _look(self, end: int, logs: dict[str, Any], is_last: bool = False) -> None:
        """Reads the norms of the steps from the last look to `end`."""
        capacity = self._buffer.shape[0]
        steps = np.arange(max(self._seen, end - capacity), end)
        self._seen = end
        if not steps.size:
            return
        rows = self._buffer.numpy()[steps % capacity]
        norms, zeros = rows[:, 0], rows[:, 1]
        is_record = steps % self.every == 0
        if is_last:
            is_record[-1:] = True
        start = 0
        for i in np.flatnonzero(is_record).tolist():
            self._record(int(steps[i]), norms[start : i + 1], zeros[i], logs)
            start = i + 1
        if self._writer is not None and start < len(norms):
            self._counts = self._counts + statistics.log10_counts(norms[start:])

    def _record(
        self, step: int, norms: np.ndarray, zeros: np.ndarray, logs: dict[str, Any]
    ) -> None:
        """Records a step, given the norms of the steps up to it: [steps, layers, R]."""
        (median,) = statistics.finite_percentiles(norms[-1], 50)
        self._records["step"].append(step)
        self._records["norm"].append(median.astype(np.float32))
        self._records["zero_fraction"].append(zeros.mean(axis=1))
        self._records["loss"].append(float(logs.get("loss", np.nan)))
        if self._first_norms is None:
            self._first_norms = norms[-1]
        self._recent_norms = [*self._recent_norms[1 - WINDOW :], norms[-1]]
        if self._writer is not None:
            self._write(self._writer, step, norms)

    def _write(self, writer: SummaryWriter, step: int, norms: np.ndarray) -> None:
        before, self._counts = self._counts, np.zeros_like(self._counts)

        # Counted once, on the writer's thread, when the first layer asks.
        @functools.cache
        def counts() -> np.ndarray:
            return before + statistics.log10_counts(norms)

        log10 = statistics.log10_norm(self._records["norm"][-1])
        zeros = self._records["zero_fraction"][-1]
        for i, layer in enumerate(self._layer_names):
            writer.scalar(f"gradient_norm_log10/{layer}", log10[i], step)
            writer.scalar(f"gradient_zero_fraction/{layer}", zeros[i], step)
            writer.histogram_counts(
                f"gradient_norm_log10_histogram/{layer}",
                statistics.LOG10_EDGES,
                functools.partial(lambda i: counts()[i], i),
                step,
            )


def _rows(rows: list[np.ndarray], layers: int) -> np.ndarray:
    return np.array(rows, np.float32).reshape(len(rows), layers)
