"""The table of fully connected networks on digits: which form of many takes least."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from deepxor.vision.perceptrons.chunk import networks_in_chunk
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.train import train
from scripts.benchmarks.speed.perceptrons.forms import alone, batched, networks_last
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.rounds import in_turns

WIDTHS, DEPTHS = (5, 16, 64, 128), (10, 40)

# The number of networks where they are the last axis: two vectors of the processor.
# More would not stay in its cache.
LAST = 32


def report(rounds: int) -> Report:
    """Compares forms of the same training.

    Args:
        rounds: The number of rounds.

    Returns:
        A report with a row for each width and depth.
    """
    rows = []
    for width in WIDTHS:
        for depth in DEPTHS:
            experiment = PerceptronExperiment(depth=depth, width=width)
            count = networks_in_chunk(experiment)
            title = f"{depth} layers of {width} units, {count} networks"
            times = in_turns(title, _measures(experiment, count), rounds)
            rows.append((title, *(number_text(median(x)) for x in times.values())))
    batch = PerceptronExperiment.batch_size
    return Report(
        f"A step of a fully connected network on digits, {batch} pictures: us",
        (
            "",
            "matrix products, a batch of networks",
            "the same by XLA",
            "networks last, by XLA",
            "one at a time",
            "train",
        ),
        rows,
        "Forward, backward and gradient descent on one core, many steps in a call, a "
        "step and network; without tracing and compiling. Where they are last, there "
        f"are {LAST} networks. The last column is deepxor's training in the first "
        "form, with its records, scores and verdicts.",
    )


def _measures(
    experiment: PerceptronExperiment, count: int
) -> dict[str, Callable[[], float]]:
    forms = {
        "batched": batched(experiment, count, is_compiled=False),
        "compiled": batched(experiment, count, is_compiled=True),
        "last": networks_last(experiment, LAST),
        "alone": alone(experiment),
    }
    measures = {name: form.microseconds for name, form in forms.items()}
    _time_train(experiment, count)  # traces
    return measures | {"train": partial(_time_train, experiment, count)}


def _time_train(experiment: PerceptronExperiment, count: int) -> float:
    begin = time.perf_counter()
    train([experiment] * count, range(count))
    seconds = time.perf_counter() - begin
    return seconds / experiment.num_steps / count * 1e6
