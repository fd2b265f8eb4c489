"""Writes what TensorBoard shows of a run on XOR, except the gradients."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb

from deepxor.events.gradient_flow import DIAGNOSIS_FIELDS
from deepxor.events.layout import CATEGORY, gradient_chart
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.nn.activations import ACTIVATIONS
from deepxor.record_steps import is_full, is_pictured, is_record
from deepxor.statistics import finite_mean, finite_percentiles
from deepxor.xor import decision_surface, text_summary
from deepxor.xor.config import Experiment
from deepxor.xor.network.snapshot import Snapshot

# The decision surface is the mean over at most this many replicas, as more would change
# no pixel by a visible shade.
SURFACE_REPLICAS = 100

# The columns of the HParams tab, each 160 pixels wide. They are two, so that the three
# metrics beside them are in a window of 1280 pixels. The tab takes the columns of any
# one run for all, so they cannot be those in which the runs differ.
HPARAMS = (
    hparams.HParam("activation", hparams.Discrete(list(ACTIVATIONS))),
    hparams.HParam("settings"),
)


def scalars(snapshot: Snapshot) -> dict[str, float]:
    """Returns a run's scalars by tag.

    The percentiles of the cost are over the replicas with a finite cost; "diverged" is
    the fraction of the others.

    Args:
        snapshot: The snapshot of the run's network.
    """
    cost, accuracy = snapshot.cost, snapshot.accuracy
    p10, median, p90 = finite_percentiles(cost, 10, 50, 90)
    return {
        "cost": float(median),
        "cost/p10": float(p10),
        "cost/p90": float(p90),
        "accuracy": float(accuracy.mean(dtype=np.float64)),
        "solved": float((accuracy == 1).mean()),
        "diverged": float((~np.isfinite(cost)).mean()),
    }


class RunRecorder(keras.callbacks.Callback):
    """Writes scalars, histograms, pictures, texts, the graph and the layouts of a run.

    The records are those of `deepxor.record_steps` and the last step. All have the
    scalars; histograms are written at the multiples of `log_every` and at powers of
    two, pictures at powers of four, and both at the first step and the last. Cost,
    accuracy, weights and layer outputs are those after the step.

    Args:
        writer: The writer of the run's event file.
        experiment: The settings of the run.
        run_name: The name of the run's row in the HParams tab.
        is_resumed: Whether the graph, settings and layouts have been written before.
    """

    def __init__(
        self,
        writer: SummaryWriter,
        experiment: Experiment,
        run_name: str,
        is_resumed: bool = False,
    ) -> None:
        super().__init__()
        self._writer = writer
        self._experiment = experiment
        self._run_name = run_name
        self._has_head = is_resumed
        self._start = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the first step of the `fit`."""
        self._start = int(self.model.optimizer.iterations)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Writes a record if one is due."""
        rows, step = self.model.latest.rows, self.model.latest.step
        if not self._has_head:
            self._write_head()
            self._has_head = True
        is_due = is_record(step, self._experiment.log_every) or self._is_last(step)
        if step < self._start or not is_due:  # the first batch has no step
            return
        # The writer's thread does the rest while the next steps are trained.
        self._writer.add(functools.partial(self._add_record, rows, step), step)
        self._writer.write()

    def write_end(self, results: dict[str, Any]) -> None:
        """Writes the outcome of a run that has finished.

        Args:
            results: The results by name, as in experiment.json.
        """
        step = self._experiment.num_steps - 1
        self._writer.text(
            "outcome", text_summary.outcome(self._experiment, results), step
        )
        fields = (*DIAGNOSIS_FIELDS, "fault_step")
        diagnosis = {name: results[name] for name in fields}
        self._writer.flow_diagnosis(diagnosis, step)
        self._writer.summary(session_end_pb(api_pb2.STATUS_SUCCESS), step)
        self._writer.flush()

    def _write_head(self) -> None:
        # This is the graph of the step that has just been compiled and run.
        self._writer.graph(self.model.step_graph)
        self._writer.text("settings", text_summary.settings(self._experiment), 0)
        self._writer.add(lambda to: to.custom_scalars(_charts(), CATEGORY), 0)
        metrics = [hparams.Metric(tag) for tag in ("solved", "cost", "accuracy")]
        self._writer.summary(hparams.hparams_config_pb(HPARAMS, metrics), 0)
        settings = {
            "activation": self._experiment.activation,
            "settings": _settings_line(self._experiment),
        }
        self._writer.summary(hparams.hparams_pb(settings, trial_id=self._run_name), 0)

    def _add_record(self, rows: tf.Tensor, step: int, to: StepSummary) -> None:
        snapshot = self.model.unpack(rows)
        for tag, value in scalars(snapshot).items():
            to.scalar(tag, value)
        if not (self._is_last(step) or is_full(step, self._experiment.log_every)):
            return
        names = [layer.name for layer in self.model.stack]
        kinds = {
            "weights": snapshot.weights[::2],
            "biases": snapshot.weights[1::2],
            "activations": snapshot.outputs,
        }
        values = {
            f"{kind}/{name}": array
            for kind, arrays in kinds.items()
            for name, array in zip(names, arrays, strict=True)
        }
        to.histograms(values)
        if is_pictured(step) or self._is_last(step):
            to.image("decision_surface", self._picture(snapshot))

    def _is_last(self, step: int) -> bool:
        return step == self._experiment.num_steps - 1

    def _picture(self, snapshot: Snapshot) -> np.ndarray:
        """Returns a picture of the replicas' mean probability where it is finite."""
        weights = [weight[..., :SURFACE_REPLICAS] for weight in snapshot.weights]
        points = decision_surface.grid(self._experiment.bits)
        probability = self.model.hypothesis(weights, points)
        return decision_surface.draw(finite_mean(probability.astype(np.float64)))


def _settings_line(experiment: Experiment) -> str:
    """Returns the network, and what else is not the default, as the column has room.

    Returns:
        A text such as "deep" or "2-5-4-1 adam learning_rate=0.01 seed=1".
    """
    parts = [_network(experiment)]
    for name in ("initializer", "optimizer"):
        value = getattr(experiment, name)
        parts += [value] if value != getattr(Experiment, name) else []
    for name in (
        "learning_rate", "weight_variance", "bias_variance", "bits", "alpha", "pieces",
        "seed",
    ):  # fmt: skip
        value = getattr(experiment, name)
        parts += [f"{name}={value}"] if value != getattr(Experiment, name) else []
    parts += ["residual"] if experiment.residual else []
    return " ".join(parts)


def _network(experiment: Experiment) -> str:
    if experiment.is_named:
        return experiment.network
    if experiment.depth is not None:
        return f"{experiment.depth}x{experiment.width}"
    return experiment.shape


def _charts() -> list[layout_pb2.Chart]:
    band = layout_pb2.MarginChartContent.Series(
        value="cost", lower="cost/p10", upper="cost/p90"
    )
    return [
        gradient_chart(),
        layout_pb2.Chart(
            title="cost: median, 10th to 90th percentile of the replicas",
            margin=layout_pb2.MarginChartContent(series=[band]),
        ),
    ]
