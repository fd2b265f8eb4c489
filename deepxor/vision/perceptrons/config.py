"""The settings of one fully connected network on digits; no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepxor.checks import check_choice, check_float32, check_integer
from deepxor.nn.activations import ACTIVATIONS, MAXOUT
from deepxor.nn.initializers import AUTO, check_initial
from deepxor.nn.optimizers import OPTIMIZERS

# The digits of scikit-learn: pixels, classes, and training pictures.
INPUTS, CLASSES, PICTURES = 64, 10, 1442

OUTPUT = "output"

# Every activation but maxout, which is a layer.
ELEMENTWISE = tuple(name for name in ACTIVATIONS if name != MAXOUT)


@dataclass(frozen=True, kw_only=True)
class PerceptronExperiment:
    """Holds the settings of one fully connected network that learns digits.

    Attributes:
        depth: The number of hidden layers, from 1 to 1000.
        width: The units of each hidden layer, from 1 to 2000.
        activation: The activation of the hidden layers, one of `ELEMENTWISE`.
        initializer: The kernel initializer, a key of `REPLICA_INITIALIZERS`; or "auto"
            for the one of the activation.
        weight_variance: sigma_w^2, in place of an initializer: kernels are normal with
            variance weight_variance / inputs. None for the initializer.
        bias_variance: sigma_b^2: biases are normal with this variance.
        optimizer: The optimizer, a key of `OPTIMIZERS`.
        learning_rate: The learning rate, above 0.
        batch_size: The number of pictures in a step, from 1 to `PICTURES`.
        num_steps: The number of optimizer steps.
        seed: The seed, at least 0; replica r draws its weights from a generator seeded
            with (seed, r), and the order of its pictures from one with (seed, r, 1).

    Raises:
        ValueError: If a setting is out of range, or two do not go together.
    """

    depth: int = 10
    width: int = 64
    activation: str = "tanh"
    initializer: str = AUTO
    weight_variance: float | None = None
    bias_variance: float = 0.0
    optimizer: str = "sgd"
    learning_rate: float = 1e-2
    batch_size: int = 128
    num_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ELEMENTWISE)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_integer("depth", self.depth, 1, 1000)
        check_integer("width", self.width, 1, 2000)
        check_integer("batch_size", self.batch_size, 1, PICTURES)
        check_integer("num_steps", self.num_steps, 1, 10**7)
        check_integer("seed", self.seed, 0, 2**63 - 1)
        check_float32("learning_rate", self.learning_rate)
        check_initial(self.initializer, self.weight_variance, self.bias_variance)

    @property
    def shape_key(self) -> tuple[Any, ...]:
        """The settings that networks trained side by side must have in common."""
        return (
            self.depth,
            self.width,
            self.activation,
            self.optimizer,
            self.batch_size,
            self.num_steps,
        )

    @property
    def units(self) -> tuple[int, ...]:
        """The units of each layer in forward order, from the inputs to the classes."""
        return (INPUTS, *[self.width] * self.depth, CLASSES)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers in forward order."""
        return (*(f"layer{i + 1}" for i in range(self.depth)), OUTPUT)

    @property
    def kernel_initializer(self) -> str:
        """The key of `REPLICA_INITIALIZERS` that is used, with "auto" resolved."""
        if self.initializer != AUTO:
            return self.initializer
        return ACTIVATIONS[self.activation].initializer
