"""What is recorded of a model's data: the one table of facts; no imports of ours.

The keys of the history and a table of the docs are derived from it. Facts are measured
now and then, on the samples that are looked at.
"""

from __future__ import annotations

from typing import NamedTuple


class Fact(NamedTuple):
    """Describes one fact, a row of the table.

    Attributes:
        name: The key in `GradientMonitor.history`.
        doc: A sentence for the docs on what the fact is.
    """

    name: str
    doc: str


OUTPUT_FACTS: tuple[Fact, ...] = (
    Fact(
        "output_skill",
        "How much better the predictions are than a constant: 1 minus the ratio of "
        "their loss to that of the best constant, over at least 32 samples of this "
        "and, if batches are small, of earlier records.",
    ),
    Fact("prediction_loss", "The loss of the predictions of this record's samples."),
    Fact("constant_loss", "The loss of the best constant on the same samples."),
    Fact("output_samples", "The number of these samples."),
    Fact("target_min", "The smallest target."),
    Fact("target_max", "The largest target."),
    Fact("target_mean", "The mean of all targets."),
    Fact(
        "target_spread",
        "The standard deviation of a target over the samples; the root mean square "
        "over the elements of an output.",
    ),
    Fact("target_whole", "The share of targets that are whole numbers."),
    Fact("target_distinct", "The number of different targets, counted up to 100."),
    Fact("target_non_finite", "The share of targets that are NaN or infinite."),
    Fact("prediction_min", "The smallest prediction."),
    Fact("prediction_max", "The largest prediction."),
    Fact("prediction_spread", "Of the predictions, as `target_spread`."),
)

INPUT_FACTS: tuple[Fact, ...] = (
    Fact("input_mean", "The mean of all numbers that enter the layer."),
    Fact("input_rms", "Their root mean square."),
    Fact("input_max", "The largest of their absolute values."),
    Fact("input_non_finite", "The share of them that are NaN or infinite."),
)
