"""A case of the diagnosis benchmark: what is trained, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from scripts.benchmarks.diagnosis.tasks import TASKS, task_data

HEALTHY, VANISHING, EXPLODING = "healthy", "vanishing", "exploding"
DEAD, SATURATED = "dead", "saturated"
KINDS = (HEALTHY, VANISHING, EXPLODING, DEAD, SATURATED)

# Of the few cases that are not scored.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Setup:
    """All that decides a training, but its seed.

    Attributes:
        task: A key of `diagnosis_tasks.TASKS`.
        network: A key of `NETWORKS`.
        units: Of the hidden layers, or filters, or what the network says.
        activation: Of the hidden layers, as Keras calls it.
        separate: Activations are layers of their own.
        initializer: Of the hidden kernels: Keras's name, or "normal:0.01",
            "uniform:1", "orthogonal:1.5" (gain), "constant:0.1".
        recurrent_initializer: The same, of recurrent kernels.
        last_initializer: The same, of the last layer's kernel.
        bias: Of the hidden layers, at the start,
        bias_share: in this share of their units, the first ones; 0 in the others.
        use_bias: Recurrent layers have biases.
        only: The one hidden layer, counted from 0, that has this `initializer` and
            `bias`, while others have "he_normal" and 0; None for all of them.
        last_bias: Of the last layer, at the start.
        norm: "batch" or "layer" normalization before each hidden activation.
        dropout: Share of units dropped after each hidden layer.
        output: Activation of the last layer; "" leaves logits, or numbers.
        input_scale: Inputs are multiplied by it,
        input_shift: and shifted by it.
        target_scale: Targets are multiplied by it,
        target_shift: and shifted by it.
        loss: The task's own if "", else as in `diagnosis_tasks.Task`.
        loss_scale: The loss is multiplied by it.
        optimizer: sgd, momentum, nesterov, adam, adamw, rmsprop or adagrad.
        rates: Learning rates, each with the step from which on it is used.
        clipnorm: Each variable's gradient is clipped to this L2 norm.
        epochs: How long the training is.
        batch_size: Of a step.
        frozen: So many of the first hidden layers are not trained.
    """

    task: str = "rings"
    network: str = "mlp"
    units: tuple[int, ...] = (16, 16)
    activation: str = "relu"
    separate: bool = False
    initializer: str = "glorot_uniform"
    recurrent_initializer: str = "orthogonal"
    last_initializer: str = "glorot_uniform"
    bias: float = 0.0
    bias_share: float = 1.0
    use_bias: bool = True
    only: int | None = None
    last_bias: float = 0.0
    norm: str = ""
    dropout: float = 0.0
    output: str = ""
    input_scale: float = 1.0
    input_shift: float = 0.0
    target_scale: float = 1.0
    target_shift: float = 0.0
    loss: str = ""
    loss_scale: float = 1.0
    optimizer: str = "sgd"
    rates: tuple[tuple[int, float], ...] = ((0, 0.1),)
    clipnorm: float | None = None
    epochs: int = 20
    batch_size: int = 32
    frozen: int = 0

    @property
    def loss_name(self) -> str:
        """The loss, be it the task's own or not."""
        return self.loss or TASKS[self.task].loss

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and targets as they are trained on."""
        x, y = task_data(self.task)
        if self.input_scale != 1 or self.input_shift:
            x = (x * self.input_scale + self.input_shift).astype(np.float32)
        if self.target_scale != 1 or self.target_shift:
            y = (y * self.target_scale + self.target_shift).astype(np.float32)
        return x, y


@dataclass(frozen=True)
class Case:
    """A model of the benchmark.

    Attributes:
        name: Unique.
        kind: What is the matter with it: one of `KINDS`, or `UNKNOWN`.
        setup: What is trained and recorded.
        remedy: For a faulty one, the settings that make it learn, of its kind.
        before: Settings with which it is trained before, unrecorded; None if it is not.
        patience: So many times the epochs a healthy one that is slow needs to learn,
            and a faulty one does not learn in.
        seed: Of initial weights and of the order of samples.
    """

    name: str
    kind: str
    setup: Setup
    remedy: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    patience: int = 1
    seed: int = 0

    def remedied(self) -> Case:
        """Returns the same case with the remedy."""
        setup = replace(self.setup, **self.remedy)
        return replace(self, setup=setup, remedy={}, name=f"{self.name}, remedied")

    def prolonged(self) -> Case:
        """Returns the same case, trained `patience` times as long."""
        setup = replace(self.setup, epochs=self.setup.epochs * self.patience)
        return replace(self, setup=setup, patience=1, name=f"{self.name}, prolonged")

    @property
    def recipe(self) -> str:
        """All that decides the training: what differs from the defaults."""
        parts = [("seed", self.seed), ("before", self.before)]
        for attribute in fields(Setup):
            value = getattr(self.setup, attribute.name)
            if value != attribute.default:
                parts.append((attribute.name, value))
        return ", ".join(f"{name}={value!r}" for name, value in parts)
