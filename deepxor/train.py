"""Trains one experiment into a run of the logdir.

For example: python -m deepxor.train --activation=relu
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

from collections.abc import Sequence

from absl import flags

from deepxor import quiet
from deepxor.checks import check_local_folder
from deepxor.console import app
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import AUTO, REPLICA_INITIALIZERS
from deepxor.nn.optimizers import OPTIMIZERS
from deepxor.xor.config import NETWORKS, Experiment
from deepxor.xor.network.blocks import thread_count
from deepxor.xor.run import Run

_D = Experiment()

NETWORK = flags.DEFINE_enum("network", _D.network, NETWORKS, "Rung of the ladder.")
HIDDEN_UNITS = flags.DEFINE_string("hidden_units", None, app.HIDDEN_UNITS_HELP)
DEPTH = flags.DEFINE_integer("depth", None, app.DEPTH_HELP)
WIDTH = flags.DEFINE_integer("width", None, app.WIDTH_HELP)
ACTIVATION = flags.DEFINE_enum(
    "activation", _D.activation, ACTIVATIONS, "Activation of the hidden layers."
)
ALPHA = flags.DEFINE_float("alpha", _D.alpha, "elu's alpha, above 0.")
PIECES = flags.DEFINE_integer("pieces", _D.pieces, "maxout's linear pieces, 2 to 100.")
INITIALIZER = flags.DEFINE_enum(
    "initializer",
    _D.initializer,
    [AUTO, *REPLICA_INITIALIZERS],
    "Kernel initializer; auto: uniform for the lecture's network, else he for the ReLU "
    "family, lecun for selu, glorot for the others.",
)
WEIGHT_VARIANCE = flags.DEFINE_float("weight_variance", None, app.WEIGHT_VARIANCE_HELP)
BIAS_VARIANCE = flags.DEFINE_float(
    "bias_variance", _D.bias_variance, app.BIAS_VARIANCE_HELP
)
OPTIMIZER = flags.DEFINE_enum("optimizer", _D.optimizer, OPTIMIZERS, "Optimizer.")
LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", _D.learning_rate, "The optimizer's learning rate, above 0."
)
NUM_STEPS = flags.DEFINE_integer("num_steps", _D.num_steps, "Optimizer steps.")
LOG_EVERY = flags.DEFINE_integer(
    "log_every",
    _D.log_every,
    "The most steps from one record to the next; the first records are denser: every "
    "step up to 32, then four each time that the step doubles.",
)
REPLICAS = flags.DEFINE_integer(
    "replicas", _D.replicas, "Independent networks trained side by side."
)
SEED = flags.DEFINE_integer("seed", _D.seed, "Seed of the initial weights.")
BITS = flags.DEFINE_integer("bits", _D.bits, "Inputs: 2 is XOR, up to 10 parity.")
RESIDUAL = flags.DEFINE_boolean("residual", _D.residual, app.RESIDUAL_HELP)
LOGDIR = flags.DEFINE_string("logdir", "logdir", "Where the run's folder is made.")
RUN_NAME = flags.DEFINE_string(
    "run_name",
    "",
    "The run's folder; by default <network>-<activation>[-residual], with -2, -3 ...",
)
RESUME = flags.DEFINE_boolean(
    "resume", False, "Go on with the run from its last checkpoint."
)
QUIET = flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def experiment_from_flags() -> Experiment:
    """Returns the experiment that the flags describe.

    Raises:
        ValueError: If a flag is out of range, or two do not go together.
    """
    units = HIDDEN_UNITS.value
    return Experiment(
        network=NETWORK.value,
        hidden_units=None if units is None else app.parse_units(units),
        depth=DEPTH.value,
        width=WIDTH.value,
        activation=ACTIVATION.value,
        alpha=ALPHA.value,
        pieces=PIECES.value,
        initializer=INITIALIZER.value,
        weight_variance=WEIGHT_VARIANCE.value,
        bias_variance=BIAS_VARIANCE.value,
        optimizer=OPTIMIZER.value,
        learning_rate=LEARNING_RATE.value,
        num_steps=NUM_STEPS.value,
        log_every=LOG_EVERY.value,
        replicas=REPLICAS.value,
        seed=SEED.value,
        bits=BITS.value,
        residual=RESIDUAL.value,
    )


def main(argv: Sequence[str]) -> int:
    """Trains the experiment that the flags describe.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    app.check_no_arguments(argv)
    check_local_folder("logdir", LOGDIR.value)
    experiment = experiment_from_flags()
    start = Run.resume if RESUME.value else Run.create
    run = start(LOGDIR.value, experiment, RUN_NAME.value)
    with app.loading("TensorFlow", QUIET.value):
        quiet.load_tensorflow(thread_count(run.experiment.replicas))
        from deepxor.console.train import train_on_console

    return train_on_console(run, LOGDIR.value, QUIET.value)


if __name__ == "__main__":
    app.run(main)
