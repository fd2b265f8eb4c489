"""Shows what the chain rule multiplies the gradient by, layer by layer.

For example: python -m deepxor.explain --activations=sigmoid,relu

This is the command. The function for any Keras model is `deepxor.explain`, from
`deepxor.backprop.explanation`; importing this module does not hide it.
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

import os
from collections.abc import Sequence

from absl import flags

from deepxor import quiet
from deepxor.checks import refuse
from deepxor.console import app
from deepxor.console.files import check_files
from deepxor.nn.initializers import AUTO, REPLICA_INITIALIZERS
from deepxor.xor.config import NETWORKS, Experiment

_D = Experiment()

NETWORK = flags.DEFINE_enum("network", _D.network, NETWORKS, "Rung of the ladder.")
HIDDEN_UNITS = flags.DEFINE_string("hidden_units", None, app.HIDDEN_UNITS_HELP)
DEPTH = flags.DEFINE_integer("depth", None, app.DEPTH_HELP)
WIDTH = flags.DEFINE_integer("width", None, app.WIDTH_HELP)
ACTIVATIONS = flags.DEFINE_list(
    "activations",
    ["sigmoid", "relu"],
    "Activations of the hidden layers, a panel of the picture each.",
)
INITIALIZER = flags.DEFINE_enum(
    "initializer",
    _D.initializer,
    [AUTO, *REPLICA_INITIALIZERS],
    "Kernel initializer; auto: as in deepxor.train.",
)
WEIGHT_VARIANCE = flags.DEFINE_float("weight_variance", None, app.WEIGHT_VARIANCE_HELP)
BIAS_VARIANCE = flags.DEFINE_float(
    "bias_variance", _D.bias_variance, app.BIAS_VARIANCE_HELP
)
REPLICAS = flags.DEFINE_integer(
    "replicas", _D.replicas, "Independent networks measured side by side."
)
SEED = flags.DEFINE_integer("seed", _D.seed, "Seed of the initial weights.")
BITS = flags.DEFINE_integer("bits", _D.bits, "Inputs: 2 is XOR, up to 10 parity.")
RESIDUAL = flags.DEFINE_boolean("residual", _D.residual, app.RESIDUAL_HELP)
PNG = flags.DEFINE_string("png", "explain.png", "The picture's file; empty for none.")


def experiments_from_flags() -> list[Experiment]:
    """Returns the experiments that the flags describe, one for each activation.

    Raises:
        ValueError: If a flag is out of range, or two do not go together.
    """
    if not ACTIVATIONS.value:
        refuse("activations", "", "at least one name, as in sigmoid,relu")
    units = HIDDEN_UNITS.value
    return [
        Experiment(
            network=NETWORK.value,
            hidden_units=None if units is None else app.parse_units(units),
            depth=DEPTH.value,
            width=WIDTH.value,
            activation=activation,
            initializer=INITIALIZER.value,
            weight_variance=WEIGHT_VARIANCE.value,
            bias_variance=BIAS_VARIANCE.value,
            replicas=REPLICAS.value,
            seed=SEED.value,
            bits=BITS.value,
            residual=RESIDUAL.value,
        )
        for activation in ACTIVATIONS.value
    ]


def check_png(path: str) -> None:
    """Checks that a picture can be written to a path.

    Args:
        path: The path of the file; empty for no picture.

    Raises:
        ValueError: If the path does not end in .png, or its folder does not exist.
    """
    if path and os.path.splitext(path)[1] != ".png":
        refuse("png", path, "a file .png in a folder that exists, or empty")
    check_files({"png": path})


def main(argv: Sequence[str]) -> int:
    """Prints the explanations of the experiments and draws them into a picture.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    app.check_no_arguments(argv)
    experiments = experiments_from_flags()
    check_png(PNG.value)
    with app.loading("TensorFlow"):
        quiet.load_tensorflow()
        from deepxor.console.explain import explain_on_console

    explain_on_console(experiments, PNG.value)
    return 0


if __name__ == "__main__":
    app.run(main)
