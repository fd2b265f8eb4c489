"""Prints explanations of networks on XOR on the console, and draws them."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

from rich.text import Text

from deepxor.backprop.explanation import Explanation, explain
from deepxor.backprop.figure import profile_figure
from deepxor.backprop.mean_field import WIDE, Prediction
from deepxor.backprop.table import profile_table
from deepxor.console.files import write_files
from deepxor.console.fitting import print_table
from deepxor.console.tables import make_console
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.lecture import LECTURE
from deepxor.xor.network.build import build

# The columns that a narrow terminal leaves out.
LEAST_IMPORTANT = ("predicted", "gradient norm", "weight factor", "slope factor")


def explain_experiment(experiment: Experiment) -> Explanation:
    """Explains the gradient of an experiment at its start, on its whole truth table.

    The networks compute in float64, so that the gradient of a deep network can be
    measured, too.

    Args:
        experiment: The settings, of which those of the training have no effect.

    Returns:
        The explanation of all replicas.
    """
    explanation = explain(build(experiment, dtype="float64"), *xor(experiment.bits))
    title = f"{experiment.activation}, {experiment.initial_weights}"
    title += ", residual" if experiment.residual else ""
    return dataclasses.replace(explanation, title=title)


def explain_on_console(experiments: Sequence[Experiment], png: str) -> None:
    """Prints a table for each experiment and draws them side by side.

    Args:
        experiments: The settings of each table.
        png: The path of the picture; empty for no picture.

    Raises:
        OSError: If the picture cannot be written.
    """
    console = make_console()
    profiles = []
    for experiment in experiments:
        explanation = explain_experiment(experiment)
        profiles.append(explanation.profile())
        table = profile_table(profiles[-1])
        print_table(console, table, LEAST_IMPORTANT, "a wider window shows them")
        if explanation.prediction is not None:
            console.print(Text(_in_words(explanation.prediction)))
    console.print(Text(str(LECTURE)))
    if png:
        picture = io.BytesIO()
        profile_figure(profiles).savefig(picture, format="png")
        write_files({png: picture.getvalue()})
        console.print(Text(f"Picture: {png}"))


def _in_words(prediction: Prediction) -> str:
    scale = prediction.depth_scale
    way = "falls" if scale > 0 else "grows"
    # The nearer chi_1 is to 1, the less its last digits can be trusted.
    change = (
        "hardly changes in a hundred of them"
        if abs(scale) > 100
        else f"{way} by a factor e every {abs(scale):.2g} layers"
    )
    return (
        "Predicted by mean-field theory (Schoenholz et al. 2017), within 10 % of the "
        f"median at layers of {WIDE} inputs or more. Many layers like the last hidden "
        "one would each multiply the squared norm by chi_1 = "
        f"{prediction.chi:#.3g}: it {change}."
    )
