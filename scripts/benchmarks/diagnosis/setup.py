"""The setup of a training of the diagnosis benchmark: its model, data and optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.benchmarks.diagnosis.tasks import TASKS, task_data


@dataclass(frozen=True)
class Setup:
    """All that decides a training, but its seed.

    Attributes:
        task: A key of `tasks.TASKS`.
        network: A key of `networks.NETWORKS`.
        units: The numbers of units of the hidden layers, or of filters, or of what else
            the network counts.
        activation: Keras's name of the activation of the hidden layers.
        separate: Whether activations are layers of their own.
        initializer: The initializer of the hidden kernels: Keras's name, or a kind and
            its number, as in "normal:0.01", "uniform:1", "positive:0.3",
            "orthogonal:1.5" (the gain) or "constant:0.1".
        recurrent_initializer: The initializer of the recurrent kernels.
        last_initializer: The initializer of the last layer's kernel.
        bias: The first value of the hidden layers' biases.
        bias_share: The share of units that start with `bias`, counted from the first
            unit on; the others start with 0.
        use_bias: Whether recurrent layers have biases.
        only: The one hidden layer, counted from 0, that has this `initializer` and
            `bias`, while others have "he_normal" and 0; None for all of them.
        last_bias: The first value of the last layer's biases.
        norm: The normalization before each hidden activation: "batch", "layer" or "".
        dropout: The share of units that are dropped after each hidden layer.
        logits: Whether the loss takes logits; None if it does where `output` is "".
        permuted: Whether the targets are those of other samples.
        output: The activation of the last layer; "" leaves logits, or numbers.
        input_scale: The factor of the inputs.
        input_shift: The number that is added to the inputs after their factor.
        target_scale: The factor of the targets.
        target_shift: The number that is added to the targets after their factor.
        loss: A loss as in `tasks.Task`; "" for the task's own.
        loss_scale: The factor of the loss.
        optimizer: "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop" or
            "adagrad".
        rates: The learning rates, each with the step from which on it is used.
        clipnorm: The L2 norm to which each variable's gradient is clipped; None leaves
            gradients as they are.
        epochs: How many epochs the training has.
        batch_size: How many samples a step has.
        frozen: How many of the first hidden layers are not trained.
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
    logits: bool | None = None
    permuted: bool = False
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
        """The loss that is trained on, be it the task's own or not."""
        return self.loss or TASKS[self.task].loss

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and targets as they are trained on, float32 or int labels."""
        x, y = task_data(self.task)
        if self.input_scale != 1 or self.input_shift:
            x = (x * self.input_scale + self.input_shift).astype(np.float32)
        if self.target_scale != 1 or self.target_shift:
            y = (y * self.target_scale + self.target_shift).astype(np.float32)
        if self.permuted:
            y = np.random.default_rng(1).permutation(y)
        return x, y
