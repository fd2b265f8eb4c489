"""Trains experiments inside Keras `fit`, with many optimizer steps a compiled call."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.checks import check_local_folder
from deepxor.events import reader, written
from deepxor.events.writer import SummaryWriter
from deepxor.record_steps import is_power_of_two, next_record
from deepxor.xor.checkpoint import checkpoint
from deepxor.xor.checkpoint.callback import Checkpoints
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.monitor.diagnosis import dead_replicas
from deepxor.xor.monitor.observer import buffer_steps
from deepxor.xor.network.build import build
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.recorder import RunRecorder, scalars
from deepxor.xor.run import FINISHED, INTERRUPTED, RUNNING, Run


def plan_batches(start: int, num_steps: int, log_every: int, most: int) -> list[int]:
    """Returns the sizes of the training batches into which the steps are divided.

    Args:
        start: The number of steps taken already.
        num_steps: The number of steps to take in all.
        log_every: The largest number of steps from one record to the next. The records
            are those of `deepxor.record_steps` and the last step.
        most: The largest number of steps in a batch.

    Returns:
        The number of steps of each batch. Every record is the last step of its batch;
        if its number is a power of two, it is the only one, so that the weights before
        the step are known, too.
    """
    batches = []
    while start < num_steps:
        record = min(next_record(start, log_every), num_steps - 1)
        is_alone = is_power_of_two(record) and record > start
        end = min(record + 1 - is_alone, start + most)
        batches.append(end - start)
        start = end
    return batches


def fit(
    model: ReplicaNetwork,
    experiment: Experiment,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Takes the steps of an experiment that its model has not taken yet.

    Args:
        model: The model, as built for the experiment or restored from a checkpoint.
        experiment: The settings.
        callbacks: Any Keras callbacks. A training batch has up to `log_every` optimizer
            steps, the first one none, and all batches are one epoch.
    """
    batches = plan_batches(
        int(model.optimizer.iterations),
        experiment.num_steps,
        experiment.log_every,
        buffer_steps(experiment.log_every, len(model.stack), experiment.replicas),
    )
    if batches:
        # A batch of no step measures the weights before the first one.
        fit_batches(model, [0, *batches], callbacks)


def fit_batches(
    model: ReplicaNetwork,
    batches: Sequence[int],
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Takes optimizer steps in training batches, all of them one epoch.

    Args:
        model: The model.
        batches: The number of steps of each batch, at least 0.
        callbacks: Any Keras callbacks.
    """
    steps = tf.data.Dataset.from_tensor_slices(np.array(batches, np.int32))
    options = tf.data.Options()
    # A list of integers needs no tuning, and ending the tuner's thread can take two
    # seconds.
    options.autotune.enabled = False
    steps = steps.with_options(options)
    model.fit(steps, callbacks=list(callbacks), shuffle=False, verbose=0)


def train_experiment(
    experiment: Experiment, logdir: str | os.PathLike[str], run_name: str = ""
) -> Run:
    """Trains an experiment into a new run of a logdir.

    Args:
        experiment: The settings.
        logdir: The folder in which the run's folder is made.
        run_name: The folder's name; empty for `<network>-<activation>`, with -residual
            at its end if the experiment has it, to which -2, -3 ... is added if it is
            taken.

    Returns:
        The run; its `results` are those in experiment.json in its folder.

    Raises:
        ValueError: If `run_name` cannot be the name of a folder, or `logdir` is not on
            this machine.
        RunError: If the folder cannot be made.
        OSError: If the run cannot be written to, as on a full disk.
        KeyboardInterrupt: If Ctrl-C ended the training; the run is then interrupted.
    """
    check_local_folder("logdir", logdir)
    run = Run.create(logdir, experiment, run_name)
    try:
        number = train(run)
    finally:
        run.close()
    if number is not None:
        signal.raise_signal(number)
    return run


def train(
    run: Run, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> signal.Signals | None:
    """Trains a run, from its checkpoint if it has one, and writes its results.

    SIGINT and SIGTERM end the training after the current batch; the run is then
    interrupted, and can be resumed.

    Args:
        run: A new or a resumed run, whose status and results are set.
        callbacks: Further Keras callbacks.

    Returns:
        The signal that ended the training early, or None.

    Raises:
        RunError: If the run's checkpoint or an event file is not what was written.
        OSError: If the run cannot be written to, as on a full disk.
    """
    with StopOnSignal() as stop:
        experiment = run.experiment
        model = build(experiment)
        found = checkpoint.read(run.path, experiment, model)
        run.save(RUNNING)  # until here a run that is refused is as it was
        written.cut(run.path, () if found is None else found.files)
        writer = SummaryWriter(run.path)
        monitor = ReplicaMonitor(writer, experiment.log_every)
        checkpoints = Checkpoints(run.path, experiment, monitor, writer)
        if found is not None:
            checkpoints.restore(found, model)
            # All records, as the tab's overview goes on from what they were.
            flow = reader.read_run(run.path, tags=(), max_values=sys.maxsize).flow
            if flow is not None:
                writer.continue_flow(flow.layers, flow.steps, flow.tables)
        recorder = RunRecorder(writer, experiment, run.name, found is not None)
        try:
            fit(model, experiment, [stop, monitor, recorder, checkpoints, *callbacks])
            results = _results(model, monitor, checkpoints.elapsed)
            is_finished = results["steps"] >= experiment.num_steps
            if is_finished:
                recorder.write_end(results)
            writer.after(writer.sync)
        finally:
            writer.close()
        run.save(FINISHED if is_finished else INTERRUPTED, results)
        if is_finished:
            checkpoint.remove(run.path)
    return None if is_finished else stop.signal


class StopOnSignal(keras.callbacks.Callback):
    """Lets SIGINT and SIGTERM end `fit` after the current batch.

    It must be entered as a context and passed to `fit`. A second signal has its usual
    effect. The callback does nothing outside of the main thread, where Python takes no
    signals.

    Attributes:
        signal: The signal that came, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signal: signal.Signals | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # A signal that is ignored, as SIGINT is in the background, stays so.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Ends the `fit` if a signal came."""
        if self.signal is not None:
            self.model.stop_training = True

    def _stop(self, number: int, frame: object) -> None:
        self.signal = signal.Signals(number)
        self.__exit__()


def _results(
    model: ReplicaNetwork, monitor: ReplicaMonitor, seconds: float
) -> dict[str, Any]:
    """Returns the results for experiment.json, with None for what is not finite."""
    numbers = scalars(model.unpack(model.latest.rows))
    history = monitor.history
    diagnosis = monitor.diagnosis
    has_gradient = len(history["step"]) > 0
    replicas = model.replicas
    results = {
        "steps": int(model.optimizer.iterations),
        "seconds": round(seconds, 3),
        **{tag: numbers[tag] for tag in ("cost", "cost/p10", "cost/p90", "accuracy")},
        "solved": round(numbers["solved"] * replicas),
        "diverged": round(numbers["diverged"] * replicas),
        "dead": int(dead_replicas(history).sum()) if has_gradient else None,
        "first_layer": history["layer"][0] if has_gradient else None,
        "first_gradient": float(history["norm"][0, 0]) if has_gradient else None,
        "last_layer": history["layer"][-1] if has_gradient else None,
        "last_gradient": float(history["norm"][0, -1]) if has_gradient else None,
        **diagnosis.texts(),
        "fault_step": monitor.fault_step,
    }
    return {key: _finite_or_none(value) for key, value in results.items()}


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
