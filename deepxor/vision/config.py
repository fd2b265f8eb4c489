"""One trial of the table of activations and initializers, and its recipe.

The module needs no TensorFlow, so that flags can be checked against it quickly.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction

from deepxor.checks import check_at_least, check_choice, check_positive
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import KERAS_INITIALIZERS
from deepxor.vision.datasets import DATASETS
from deepxor.vision.models import CONVNETS

MIRRORED = "mirrored"
DISTRIBUTIONS = ("none", MIRRORED)


@dataclass(frozen=True)
class Recipe:
    """Says how a network is trained: gradient descent with momentum and a schedule.

    Attributes:
        epochs: The number of passes over the training pictures, at least 1.
        milestones: The epochs after which the learning rate is divided by 10.
        batch_size: The number of pictures in a step, at least 1.
        learning_rate: The learning rate at the start, above 0.
        momentum: The momentum, as `keras.optimizers.SGD` defines it.
        weight_decay: The weight decay, as `vision.optimizers.DecayedSGD` defines it.
        dropout: Whether the network has dropout.
        augment: Whether training pictures are mirrored and cropped at random.
        scale: The factor for the widths of the network, above 0.

    Raises:
        ValueError: If a number is out of range.
    """

    epochs: int
    milestones: tuple[int, ...]
    batch_size: int = 128
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: bool = True
    augment: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "scale"):
            check_positive(name, getattr(self, name))

    def with_epochs(self, epochs: int) -> Recipe:
        """Returns the recipe for other epochs, with milestones in proportion.

        Args:
            epochs: The number of epochs, at least 1.
        """
        # A fraction, as the quotient may be too large for a float.
        share = Fraction(epochs, self.epochs)
        milestones = tuple(round(m * share) for m in self.milestones)
        return dataclasses.replace(self, epochs=epochs, milestones=milestones)


RECIPES: dict[str, Recipe] = {
    # A table takes minutes on two cores. There is no dropout, which the 1,442 pictures
    # do not need in so few epochs, and no mirroring, as a mirrored digit is none.
    "digits": Recipe(20, (12, 17), batch_size=64, dropout=False, scale=0.25),
    "fashion_mnist": Recipe(30, (15, 24), augment=True),
    # Mishkin & Matas 2015, after Goodfellow et al. 2013 and Romero et al. 2015.
    "cifar10": Recipe(230, (102, 154, 205), augment=True),
}


@dataclass(frozen=True)
class Trial:
    """Describes one network to train.

    Attributes:
        dataset: A key of `vision.datasets.DATASETS`.
        network: A key of `vision.models.CONVNETS`.
        activation: A key of `nn.activations.ACTIVATIONS`.
        initializer: One of `nn.initializers.KERAS_INITIALIZERS`.
        seed: The seed of the weights, of dropout and of the order of the pictures, at
            least 0.
        recipe: The recipe of the training.

    Raises:
        ValueError: If a name is unknown or the seed is negative.
    """

    dataset: str
    network: str
    activation: str
    initializer: str
    seed: int
    recipe: Recipe

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, DATASETS)
        check_choice("network", self.network, CONVNETS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("initializer", self.initializer, KERAS_INITIALIZERS)
        check_at_least("seed", self.seed, 0)

    @property
    def run_name(self) -> str:
        """The name of the trial's folder."""
        name = f"{self.activation}-{self.initializer}"
        return f"{name}-seed{self.seed}" if self.seed else name
