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
from deepxor.monitor.layers import named_layers

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
        self._layer_of: dict[int, int] = {}
        self._buffer: Any = None
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
        """Returns all that it has measured, for a checkpoint between two batches."""
        self._look({})
        arrays = {name: np.array(value) for name, value in self.history.items()}
        return {**arrays, "counts": self._counts}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`; to be called before `fit`.

        Args:
            state: Of a monitor of the same model.
        """
        self._layer_names = [str(name) for name in state["layer"]]
        for name, rows in self._records.items():
            rows[:] = list(state[name])
        self._first_norms = state["first"] if len(state["step"]) else None
        self._recent_norms = list(state["recent"])
        self._counts = state["counts"]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        # The outer one of a LossScaleOptimizer sees scaled gradients.
        self._optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self._buffer = None
        self._seen = self._batch_start = int(self._optimizer.iterations)
        # Counted here, as the optimizer's own count stands still while it accumulates.
        self._counter = tf.Variable(self._seen, dtype=tf.int32, trainable=False)
        self._most_steps = self.model.steps_per_execution
        if isinstance(self._log_dir, SummaryWriter):
            self._writer = self._log_dir
        elif self._log_dir is not None:
            self._writer = SummaryWriter(self._log_dir)
        self._wrap()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        end = int(self._counter)
        self._most_steps = max(self._most_steps, end - self._batch_start)
        self._batch_start = end
        if self._buffer is None:  # nothing to train
            return
        last_record = (end - 1) // self.every * self.every
        is_full = end - self._seen + self._most_steps > self._buffer.shape[0]
        if is_full or last_record >= self._seen:
            self._look(logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._unwrap()
        if self._buffer is not None:
            self._look(logs or {}, is_last=True)
        if self._writer is not None:
            self._writer.flush()
            if self._writer is not self._log_dir:
                self._writer.close()

    def _wrap(self) -> None:
        """Has `fit` call a train function during which the optimizer is monitored.

        Nothing stays on the optimizer between two calls, so that an exception leaves
        nothing behind.
        """
        model, optimizer, params = self.model, self._optimizer, self.params
        if getattr(model.train_function, "monitored_by", model) is not params:
            # Traced by an earlier fit, it would go on calling what it did then. Another
            # monitor of this fit, which Keras gives the same params, is left in place.
            model.make_train_function(force=True)
        train_function = model.train_function

        def monitored_train_function(iterator):
            apply = optimizer.apply
            is_first = "apply" not in vars(optimizer)
            optimizer.apply = functools.partial(self._monitored_apply, apply)
            try:
                return train_function(iterator)
            except (StopIteration, tf.errors.OutOfRangeError):
                raise  # the end of an epoch
            except BaseException:
                self._unwrap()
                raise
            finally:
                if is_first:
                    del optimizer.apply
                else:  # another monitor's
                    optimizer.apply = apply

        monitored_train_function.monitored_by = params  # type: ignore[attr-defined]
        model.train_function = monitored_train_function

    def _unwrap(self) -> None:
        # Keras makes a new one when it is needed.
        self.model.train_function = None

    def _monitored_apply(self, apply, grads, trainable_variables=None):
        variables = trainable_variables
        if variables is None:
            variables = self._optimizer._trainable_variables
        self._measure(list(grads), variables)
        return apply(grads, trainable_variables)

    def _set_up(self) -> None:
        """Makes the buffer for the layers of the model, which is built by now."""
        layers = named_layers(self.model)
        steps = self._records["step"]
        is_new = self._layer_names != list(layers) or (
            bool(steps) and steps[-1] >= self._seen
        )
        if is_new:
            self._clear(list(layers))
        self._layer_of = {}
        for i, layer in enumerate(layers.values()):
            for variable in layer.trainable_variables:
                self._layer_of.setdefault(id(variable), i)
        replicas = self.replicas or 1
        # One call more than is waited for, whose size is not known before.
        capacity = buffer_steps(self.every, len(layers), replicas)
        capacity += self.model.steps_per_execution - 1
        # For every step a norm and a zero fraction, by layer and replica.
        self._buffer = tf.Variable(
            tf.zeros([capacity, 2, len(layers), replicas]), trainable=False
        )

    def _clear(self, layer_names: list[str]) -> None:
        """Starts a new history, of a model that is not the one before."""
        self._layer_names = layer_names
        for rows in self._records.values():
            rows.clear()
        self._first_norms = None
        self._recent_norms = []
        shape = (len(layer_names), len(statistics.LOG10_EDGES) - 1)
        self._counts = np.zeros(shape, np.int64)

    def _measure(self, gradients: list, variables: list) -> None:
        """Adds to the step being traced what writes its norms into the buffer."""
        if self._buffer is None:
            with tf.init_scope():
                self._set_up()
        by_layer: list[list[tf.Tensor]] = [[] for _ in self._layer_names]
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None and id(variable) in self._layer_of:
                by_layer[self._layer_of[id(variable)]].append(gradient)
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
            step = self._counter.read_value()
            row = [[step % self._buffer.shape[0]]]
            update = tf.stack([norms, zeros])[None]
            self._buffer.assign(tf.tensor_scatter_nd_update(self._buffer, row, update))
            self._counter.assign_add(1)

    def _look(self, logs: dict[str, Any], is_last: bool = False) -> None:
        """Reads the norms of the steps since the last look."""
        capacity, end = self._buffer.shape[0], int(self._counter)
        steps = np.arange(max(self._seen, end - capacity), end)
        self._seen = end
        rows = self._buffer.numpy()[steps % capacity]
        start = 0
        for i in np.flatnonzero(steps % self.every == 0).tolist():
            self._record(int(steps[i]), rows[i], rows[start : i + 1, 0], logs)
            start = i + 1
        rest = rows[start:, 0]
        recorded = self._records["step"]
        if is_last and end > 0 and (not recorded or recorded[-1] < end - 1):
            row = self._buffer[(end - 1) % capacity].numpy()
            self._record(end - 1, row, rest, logs)
        elif self._writer is not None and len(rest):
            self._counts = self._counts + statistics.log10_counts(rest)

    def _record(
        self, step: int, row: np.ndarray, new_norms: np.ndarray, logs: dict[str, Any]
    ) -> None:
        """Records a step.

        Args:
            step: The step.
            row: Its norms and its zero fractions, [2, layers, R].
            new_norms: Those not yet in a histogram, [steps, layers, R].
            logs: Of `fit`.
        """
        norms, zeros = row
        (median,) = statistics.finite_percentiles(norms, 50)
        self._records["step"].append(step)
        self._records["norm"].append(median.astype(np.float32))
        self._records["zero_fraction"].append(zeros.mean(axis=1))
        self._records["loss"].append(float(logs.get("loss", np.nan)))
        if self._first_norms is None:
            self._first_norms = norms
        self._recent_norms = [*self._recent_norms[1 - WINDOW :], norms]
        if self._writer is not None:
            self._write(self._writer, step, new_norms)

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
