"""The table of a training step: plain C, deepxor and other frameworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from deepxor.xor.network.blocks import MAX_IN_BLOCK
from scripts.benchmarks.speed.lecture import LOG_EVERY, UNITS
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.step.c_loop import compile_c, measure_c
from scripts.benchmarks.speed.step.interpreter import measure_peer
from scripts.benchmarks.speed.step.side_by_side import (
    measure_deepxor,
    measure_deepxor_alone,
)
from scripts.benchmarks.speed.step.tensorflow_loops import (
    SUMMARY_EVERY,
    measure_function,
    measure_keras,
    measure_session,
)
from scripts.benchmarks.speed.timing.rounds import in_turns
from scripts.benchmarks.speed.timing.sample import Measure, Sample

C_LOOP = "C loop, 1 network"
KERAS = "Keras fit"
FUNCTION = "TensorFlow, a tf.function a step"
SESSION = f"TensorFlow 1 session, summary each {SUMMARY_EVERY} steps"
TORCH = "PyTorch, eager"

C_STEPS = 300_000
# By the number of networks. Each takes about a second, so that starting a batch does
# not count.
DEEPXOR_STEPS = {
    1: 100_000,
    64: 20_000,
    128: 15_000,
    256: 12_000,
    1024: 4_000,
    10_000: 400,
}
KERAS_STEPS = 1_000
TORCH_STEPS = 1_000
STEPS_PER_EXECUTION = 100


def rows(folder: Path, python: str) -> dict[str, Measure]:
    """Returns what the table measures.

    Args:
        folder: The folder for programs and summaries.
        python: The interpreter that runs PyTorch and JAX.

    Returns:
        The measures by the names of their rows.
    """
    measures: dict[str, Measure] = {C_LOOP: _c_loop(folder, C_STEPS)}
    for replicas, steps in DEEPXOR_STEPS.items():
        measures[_networks(replicas)] = partial(measure_deepxor_alone, replicas, steps)
    several = STEPS_PER_EXECUTION
    return measures | {
        KERAS: partial(measure_keras, KERAS_STEPS, 1),
        f"{KERAS}, steps_per_execution={several}": partial(
            measure_keras, 3 * KERAS_STEPS, several
        ),
        FUNCTION: partial(measure_function, 2 * KERAS_STEPS),
        SESSION: partial(measure_session, folder, 2 * KERAS_STEPS),
        TORCH: partial(measure_peer, python, "torch", TORCH_STEPS),
        "JAX, fori_loop": partial(measure_peer, python, "jax", 20_000),
        "JAX, fori_loop of vmap over 1,000 networks": partial(
            measure_peer, python, "jax_vmap", 50
        ),
    }


def quick_rows(folder: Path, python: str) -> dict[str, Measure]:
    """Returns a few measures of few steps, one of each kind; arguments as of `rows`."""
    return {
        C_LOOP: _c_loop(folder, 10_000),
        _networks(1): partial(measure_deepxor, 1, 5_001),
        _networks(64): partial(measure_deepxor, 64, 1_001),
        KERAS: partial(measure_keras, 50, 1),
        FUNCTION: partial(measure_function, 50),
        SESSION: partial(measure_session, folder, 200),
        TORCH: partial(measure_peer, python, "torch", 50),
    }


def report(measures: Mapping[str, Measure], rounds: int) -> Report:
    """Returns the times of a step of one network.

    Args:
        measures: What is measured, by name, with `C_LOOP` among it.
        rounds: The number of rounds.

    Returns:
        A report with a row a name.
    """
    samples = in_turns("a step", measures, rounds)
    c = samples[C_LOOP]
    return Report(
        "One training step of one network",
        ("", "us", "lowest - highest", "/ C", ""),
        [(name, *_texts(values, c)) for name, values in samples.items()],
        "The C loop and deepxor record the gradient norm of every layer at every step, "
        f"deepxor with ReplicaMonitor(every={LOG_EVERY}) in memory; the others record "
        f"none. deepxor uses one core for up to {MAX_IN_BLOCK // 2 - 1} networks and "
        "then all, the C loop one. Steady state: without the first batch or step, "
        "which compiles.",
    )


def _c_loop(folder: Path, steps: int) -> Measure:
    return partial(measure_c, compile_c(folder, len(UNITS) - 2), steps)


def _networks(replicas: int) -> str:
    return f"deepxor, {replicas:,} network{'s' if replicas > 1 else ''}"


def _texts(
    samples: Sequence[Sample | None], c: Sequence[Sample | None]
) -> tuple[str, ...]:
    """Returns the texts of a row without its name; `c` are the C loop's samples."""
    pairs = [
        (a.microseconds, b and b.microseconds)
        for a, b in zip(samples, c, strict=True)
        if a is not None
    ]
    if not pairs:
        return "-", "-", "-", "not installed"
    times = [a for a, _ in pairs]
    ratios = [a / b for a, b in pairs if b]
    return (
        number_text(median(times)),
        f"{number_text(min(times))} - {number_text(max(times))}",
        number_text(median(ratios)) if ratios else "-",
        samples[-1].remark if samples[-1] else "",
    )
