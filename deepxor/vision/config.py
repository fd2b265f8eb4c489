"""One trial of the table of activations and initializers, and its recipe.

No TensorFlow, so that flags can be checked against it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from deepxor.checks import check_at_least, check_choice, check_positive
from deepxor.nn.activations import ACTIVATIONS
from deepxor.vision.datasets import DATASETS
from deepxor.vision.models import CONVNETS, INITIALIZERS

MIRRORED = "mirrored"
DISTRIBUTIONS = ("none", MIRRORED)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: gradient descent with momentum and a schedule.

    Attributes:
        epochs: Passes over the training pictures.
        milestones: After these many epochs the learning rate is divided by 10.
        batch_size: Pictures in a step.
        learning_rate: At the start.
        momentum: As of `keras.optimizers.SGD`.
        weight_decay: As of `vision.optimizers.DecayedSGD`.
        dropout: Whether there is dropout.
        augment: Whether training pictures are mirrored and cropped at random.
        scale: What the widths of the network are multiplied by.

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
        """Returns the recipe over other epochs, the milestones moved in proportion.

        Args:
            epochs: How many.
        """
        milestones = tuple(round(m * epochs / self.epochs) for m in self.milestones)
        return dataclasses.replace(self, epochs=epochs, milestones=milestones)


RECIPES: dict[str, Recipe] = {
    # Minutes for a table on two cores. Without dropout, which the 1,442 pictures in so
    # few epochs do not need, and without mirrors: a mirrored digit is another digit.
    "digits": Recipe(20, (12, 17), batch_size=64, dropout=False, scale=0.25),
    "fashion_mnist": Recipe(30, (15, 24), augment=True),
    # Mishkin & Matas 2015, after Goodfellow et al. 2013 and Romero et al. 2015.
    "cifar10": Recipe(230, (102, 154, 205), augment=True),
}


@dataclass(frozen=True)
class Trial:
    """One network to train.

    Attributes:
        dataset: A key of `datasets.DATASETS`.
        network: A key of `models.CONVNETS`.
        activation: A key of `activations.ACTIVATIONS`.
        initializer: A key of `models.INITIALIZERS`.
        seed: Of weights, dropout and the order of the pictures.
        recipe: How it is trained.

    Raises:
        ValueError: If one of them is not allowed.
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
        check_choice("initializer", self.initializer, INITIALIZERS)
        check_at_least("seed", self.seed, 0)

    @property
    def run_name(self) -> str:
        """The name of its folder."""
        name = f"{self.activation}-{self.initializer}"
        return f"{name}-seed{self.seed}" if self.seed else name

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON types."""
        settings = dataclasses.asdict(self)
        settings["recipe"]["milestones"] = list(self.recipe.milestones)
        return settings


@dataclass(frozen=True)
class RunOptions:
    """How a table is run; its results do not depend on it.

    Attributes:
        jobs: Trials trained at the same time, each in a process of its own.
        data_dir: The folder of the data set's files; None downloads them.
        distribute: One of `DISTRIBUTIONS`; "mirrored" trains on all GPUs or, where
            there are none, on all CPU devices that TensorFlow was given.
        quiet: Whether nothing but errors is printed.
    """

    jobs: int = 1
    data_dir: str | None = None
    distribute: str = DISTRIBUTIONS[0]
    quiet: bool = False
