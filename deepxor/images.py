"""Trains convolutional networks by activation and initializer, and tables the outcome.

For example: python -m deepxor.images --seeds=1
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from deepxor.checks import check_at_least, check_local_folder, refuse
from deepxor.console import app
from deepxor.nn.initializers import KERAS_INITIALIZERS
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.engines.choice import choose_engine
from deepxor.sweeps.engines.pool import Engine
from deepxor.sweeps.engines.processes import Processes
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks.pictures import PicturesTask
from deepxor.vision.config import DISTRIBUTIONS, RECIPES
from deepxor.vision.datasets import DATASETS
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
DASK = flags.DEFINE_string(
    "dask",
    None,
    "Address of a Dask scheduler whose workers train, in place of --jobs; local for a "
    "cluster on this machine. They must share the logdir.",
)
LOGDIR = flags.DEFINE_string("logdir", "logdir", "Where the table's folder is made.")
QUIET = flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def engine_from_flags() -> Engine:
    """Returns where the flags say that the networks are trained.

    Raises:
        ValueError: If a flag is wrong, or several trainings at once are asked for where
            each takes all devices.
    """
    is_alone = DISTRIBUTE.value == DISTRIBUTIONS[0]
    jobs = JOBS.value
    if jobs is not None and jobs > 1 and not is_alone:
        refuse("jobs", jobs, f"1 where distribute={DISTRIBUTE.value!r}")
    if (
        jobs is None
        and DASK.value is None
        and (not is_alone or DATASET.value != "digits")
    ):
        jobs = 1  # one network fills the machine
    return choose_engine(jobs, DASK.value)


def sweep_from_flags(threads: int) -> Sweep:
    """Returns the table that the flags describe.

    Args:
        threads: The threads of a process that trains; 0 for one a core.

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
    check_at_least("seeds", SEEDS.value, 1)
    # Workers on other machines may be in other folders.
    folder = Path(LOGDIR.value).absolute() / f"{DATASET.value}-{NETWORK.value}"
    data_dir = DATA_DIR.value and str(Path(DATA_DIR.value).absolute())
    return Sweep(
        PicturesTask(folder, data_dir, DISTRIBUTE.value, threads),
        (
            Axis("initializer", tuple(INITIALIZER_NAMES.value)),
            Axis("activation", tuple(ACTIVATIONS.value)),
        ),
        SEEDS.value,
        {
            "dataset": DATASET.value,
            "network": NETWORK.value,
            **dataclasses.asdict(dataclasses.replace(recipe, **changes)),
        },
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
    check_local_folder("logdir", LOGDIR.value)
    if DATA_DIR.value:
        check_local_folder("data_dir", DATA_DIR.value)
    engine = engine_from_flags()
    is_one = isinstance(engine, Processes) and engine.jobs == 1
    # Several processes have one thread each, as all cores are taken.
    sweep = sweep_from_flags(threads=0 if is_one else 1)
    from deepxor.console.images import train_on_console

    with process.SIGNALS.raised():  # processes are to be ended
        return train_on_console(sweep, engine, LOGDIR.value, QUIET.value)


if __name__ == "__main__":
    app.run(main)
