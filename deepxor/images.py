"""Trains convolutional networks by activation and initializer, and tables the outcome.

For example: python -m deepxor.images --seeds=1
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import flags

from deepxor.checks import check_at_least
from deepxor.console import app
from deepxor.nn.initializers import KERAS_INITIALIZERS
from deepxor.vision.config import DISTRIBUTIONS, RECIPES, RunOptions
from deepxor.vision.datasets import DATASETS
from deepxor.vision.grid import Grid, default_jobs
from deepxor.vision.models import CONVNETS

DATASET = flags.DEFINE_enum("dataset", "digits", DATASETS, "The pictures.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The folder of the data set's files; without it: download."
)
NETWORK = flags.DEFINE_enum("network", "fitnet4", CONVNETS, "The network.")
ACTIVATIONS = flags.DEFINE_list(
    "activations",
    ["maxout", "relu", "very_leaky_relu", "tanh", "sigmoid"],
    "The columns of the table.",
)
INITIALIZER_NAMES = flags.DEFINE_list(
    "initializers", ["lsuv", "orthogonal", "orthogonal_scaled", "glorot", "he"],
    f"The rows of the table, of {', '.join(KERAS_INITIALIZERS)}.",
)  # fmt: skip
SEEDS = flags.DEFINE_integer("seeds", 3, "Networks for each place in the table.")
SCALE = flags.DEFINE_float(
    "scale", None, "What the widths are multiplied by; 0.25 for digits, else 1."
)
EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "Passes over the pictures; by default those of the data set's recipe.",
)
BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "Pictures in a step; by default those of the data set's recipe."
)
LEARNING_RATE = flags.DEFINE_float(
    "learning_rate",
    None,
    "At first, of gradient descent with momentum; by default that of the recipe.",
)
DISTRIBUTE = flags.DEFINE_enum(
    "distribute",
    DISTRIBUTIONS[0],
    DISTRIBUTIONS,
    "mirrored trains every network on all devices.",
)
JOBS = flags.DEFINE_integer(
    "jobs", None, "Networks trained at once; one a core for digits, else 1."
)
LOGDIR = flags.DEFINE_string("logdir", "logdir", "Where the table's folder is made.")
QUIET = flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def grid_from_flags() -> Grid:
    """Returns the table that the flags describe.

    Raises:
        ValueError: If a flag is out of range.
    """
    recipe = RECIPES[DATASET.value]
    if EPOCHS.value is not None:
        check_at_least("epochs", EPOCHS.value, 1)
        recipe = recipe.with_epochs(EPOCHS.value)
    changes: dict[str, Any] = {
        flag.name: flag.value
        for flag in (SCALE, BATCH_SIZE, LEARNING_RATE)
        if flag.value is not None
    }
    return Grid(
        DATASET.value,
        NETWORK.value,
        tuple(ACTIVATIONS.value),
        tuple(INITIALIZER_NAMES.value),
        SEEDS.value,
        dataclasses.replace(recipe, **changes),
    )


def main(argv: Sequence[str]) -> int:
    """Trains the trials of the table that have not been trained yet.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    app.check_no_arguments(argv)
    grid = grid_from_flags()
    jobs = default_jobs(grid, DISTRIBUTE.value) if JOBS.value is None else JOBS.value
    options = RunOptions(jobs, DATA_DIR.value, DISTRIBUTE.value, QUIET.value)
    from deepxor.console.images import train_on_console

    return train_on_console(grid, LOGDIR.value, options)


if __name__ == "__main__":
    app.run(main)
