"""Descriptions of a run in Markdown, for TensorBoard's Text tab."""

from __future__ import annotations

from typing import Any

from deepxor.nn.activations import ACTIVATIONS
from deepxor.xor.config import Experiment


def settings(experiment: Experiment) -> str:
    """Returns the settings of an experiment as a paragraph and a table, in Markdown.

    Args:
        experiment: The settings.
    """
    task = "XOR" if experiment.bits == 2 else f"the parity of {experiment.bits} bits"
    lines = [
        f"**{experiment.replicas} independent networks {experiment.shape}** learn "
        f"{task}, {_hidden(experiment)}sigmoid at the output.",
        "",
        _slopes(experiment),
        "",
        "| setting | value |",
        "|---|---|",
        f"| shape | {experiment.shape} |",
        f"| activation | {experiment.activation} |",
        f"| initial weights | {experiment.initial_weights} |",
        f"| optimizer | {experiment.optimizer} |",
        f"| learning rate | {experiment.learning_rate} |",
        f"| steps | {experiment.num_steps} |",
        f"| replicas | {experiment.replicas} |",
        f"| seed | {experiment.seed} |",
        f"| residual | {'yes' if experiment.residual else 'no'} |",
    ]
    return "\n".join(lines)


def _hidden(experiment: Experiment) -> str:
    depth = len(experiment.hidden)
    if depth == 0:
        return ""
    layers = "the hidden layer" if depth == 1 else f"the {depth} hidden layers"
    return f"{experiment.activation} in {layers}, "


def _slopes(experiment: Experiment) -> str:
    if not experiment.hidden:
        return "There is no hidden layer: what it can learn is a straight line."
    slope = ACTIVATIONS[experiment.activation].largest_slope
    depth = len(experiment.hidden)
    if experiment.residual:
        return (
            f"The slope of {experiment.activation} is at most {slope:g}. "
            f"{sum(experiment.shortcuts)} of the {depth} hidden layers add their input "
            "to their output, and past these the gradient also has a way without a "
            "slope: their product is no bound of what reaches the input."
        )
    product = slope**depth
    return (
        f"The slope of {experiment.activation} is at most {slope:g}; of {depth} in a "
        f"row, at most {product:.2g}: weights aside, that is the largest part of "
        "the gradient at the output that can reach the input."
    )


def outcome(experiment: Experiment, results: dict[str, Any]) -> str:
    """Returns the outcome of an experiment, in Markdown.

    Args:
        experiment: The settings.
        results: The results of the finished run by name, as in experiment.json.
    """
    cost = results["cost"]
    return "\n".join(
        [
            f"**{results['verdict']}**: {results['evidence']}",
            "",
            results["advice"],
            "",
            "| outcome | |",
            "|---|---|",
            f"| solved | {results['solved']} of {experiment.replicas} replicas |",
            f"| cost, median | {'not finite' if cost is None else f'{cost:.4g}'} |",
            f"| accuracy, mean | {results['accuracy']:.4g} |",
            f"| diverged | {results['diverged']} of {experiment.replicas} replicas |",
        ]
    )
