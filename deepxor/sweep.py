"""Trains networks over one or two axes of settings, and maps where they can be trained.

For example: python -m deepxor.sweep --axis=depth=2:20:2 --axis=activation=relu,tanh
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from deepxor.checks import check_local_folder
from deepxor.console import app
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import AUTO, REPLICA_INITIALIZERS
from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.sweeps.axis import SYNTAX, parse_axis
from deepxor.sweeps.engines.choice import choose_engine
from deepxor.sweeps.run import DEFAULT_REPLICAS
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks import TASKS
from deepxor.xor.config import NETWORKS

AXIS = flags.DEFINE_multi_string(
    "axis", [], f"A setting and its values, given once or twice: {SYNTAX}."
)
TASK = flags.DEFINE_enum(
    "task", "xor", TASKS, "xor: XOR or parity; digits: the pictures of scikit-learn."
)
REPLICAS = flags.DEFINE_integer(
    "replicas", DEFAULT_REPLICAS, "Independent networks in each cell."
)
# What is not given has the task's default.
SETTINGS = (
    flags.DEFINE_enum("network", None, NETWORKS, "Rung of the ladder."),
    flags.DEFINE_string("hidden_units", None, app.HIDDEN_UNITS_HELP),
    flags.DEFINE_integer("depth", None, app.DEPTH_HELP),
    flags.DEFINE_integer("width", None, app.WIDTH_HELP),
    flags.DEFINE_enum(
        "activation", None, ACTIVATIONS, "Activation of the hidden layers."
    ),
    flags.DEFINE_float("alpha", None, "elu's alpha, above 0."),
    flags.DEFINE_integer("pieces", None, "maxout's linear pieces, 2 to 100."),
    flags.DEFINE_enum(
        "initializer",
        None,
        [AUTO, *REPLICA_INITIALIZERS],
        "Kernel initializer; auto: as in deepxor.train.",
    ),
    flags.DEFINE_float("weight_variance", None, app.WEIGHT_VARIANCE_HELP),
    flags.DEFINE_float("bias_variance", None, app.BIAS_VARIANCE_HELP),
    flags.DEFINE_enum("optimizer", None, OPTIMIZERS, "Optimizer."),
    flags.DEFINE_float("learning_rate", None, "The optimizer's learning rate."),
    flags.DEFINE_integer("num_steps", None, "Optimizer steps."),
    flags.DEFINE_integer("batch_size", None, "Pictures in a step, for digits only."),
    flags.DEFINE_integer("seed", None, "Seed of the initial weights."),
    flags.DEFINE_integer(
        "bits", None, "Inputs: 2 is XOR, up to 10 parity; for xor only."
    ),
    flags.DEFINE_boolean("residual", None, app.RESIDUAL_HELP),
)
JOBS = flags.DEFINE_integer(
    "jobs", None, "Processes that train, each on one thread; by default one a core."
)
DASK = flags.DEFINE_string(
    "dask",
    None,
    "Address of a Dask scheduler whose workers train, in place of --jobs; local for a "
    "cluster on this machine.",
)
LOGDIR = flags.DEFINE_string("logdir", "logdir", "Where the sweep's folder is made.")
RUN_NAME = flags.DEFINE_string(
    "run_name",
    "",
    "The sweep's folder; by default the axes, the task and six digits of its settings, "
    "so that the same command goes on where it was stopped.",
)
HPARAMS_LOGDIR = flags.DEFINE_string(
    "hparams_logdir",
    None,
    "Logdir in which each cell becomes a run with a row of the HParams tab; by default "
    "<logdir>-hparams, and empty for none.",
)
QUIET = flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def sweep_from_flags() -> Sweep:
    """Returns the sweep that the flags describe.

    Raises:
        ValueError: If an axis or a flag is wrong, or a cell cannot be built.
    """
    given: dict[str, Any] = {
        flag.name: flag.value for flag in SETTINGS if flag.value is not None
    }
    if "hidden_units" in given:
        given["hidden_units"] = app.parse_units(given["hidden_units"])
    axes = tuple(parse_axis(text) for text in AXIS.value)
    return Sweep(TASKS[TASK.value], axes, REPLICAS.value, given)


def main(argv: Sequence[str]) -> int:
    """Trains the networks of the sweep that have not been trained yet, and maps all.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    app.check_no_arguments(argv)
    check_local_folder("logdir", LOGDIR.value)
    if HPARAMS_LOGDIR.value:
        check_local_folder("hparams_logdir", HPARAMS_LOGDIR.value)
    sweep, engine = sweep_from_flags(), choose_engine(JOBS.value, DASK.value)
    from deepxor.console.sweep import sweep_on_console

    hparams_logdir = HPARAMS_LOGDIR.value
    if hparams_logdir is None:
        # Beside the logdir, and not in it, where its runs would be listed, too.
        logdir = Path(LOGDIR.value)
        logdir = logdir if logdir.name not in ("", "..") else logdir.resolve()
        hparams_logdir = str(logdir.parent / f"{logdir.name}-hparams")
    with process.SIGNALS.raised():  # processes are to be ended
        return sweep_on_console(
            sweep, engine, LOGDIR.value, RUN_NAME.value, hparams_logdir, QUIET.value
        )


if __name__ == "__main__":
    app.run(main)
