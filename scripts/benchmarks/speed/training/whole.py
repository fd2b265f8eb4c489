"""A whole training of the lab, with nothing recorded or with everything written."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepxor.xor.config import Experiment
from deepxor.xor.network.blocks import thread_count
from deepxor.xor.run import Run
from scripts.benchmarks.speed.timing.clock import Clock
from scripts.benchmarks.speed.timing.process import in_new_process, load_tensorflow


@dataclass(frozen=True)
class Training:
    """The seconds of one whole training.

    Attributes:
        steady: From the end of the first batch until every callback has ended.
        whole: From the building of the model to the last byte written.
    """

    steady: float
    whole: float


def train_bare(experiment: Experiment) -> Training:
    """Trains an experiment with nothing recorded; returns its times."""
    import keras

    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    keras.utils.clear_session()
    clock = Clock()
    begin = time.perf_counter()
    fit(build(experiment), experiment, [clock.callback()])
    return Training(clock.to_end, time.perf_counter() - begin)


def train_recorded(folder: Path, experiment: Experiment) -> Training:
    """Trains with everything written, as `python -m deepxor.train` does.

    Args:
        folder: The folder for the run's logdir, which is deleted again.
        experiment: What is trained.

    Returns:
        The times.
    """
    import keras

    from deepxor.xor.train import train

    keras.utils.clear_session()
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        begin = time.perf_counter()
        run = Run.create(logdir, experiment)
        try:
            if train(run, [clock.callback()]) is not None:
                raise KeyboardInterrupt
        finally:
            run.close()
        return Training(clock.to_end, time.perf_counter() - begin)


def train_alone(
    experiment: Experiment, train: Callable[[Experiment], Training]
) -> Training:
    """Trains in a new process, as a command does; in an old one tracing is slower.

    Args:
        experiment: What is trained.
        train: The way to train it: `train_bare`, or a part of `train_recorded`.

    Returns:
        The times.
    """
    return in_new_process(partial(_load_and_train, experiment, train))


def _load_and_train(
    experiment: Experiment, train: Callable[[Experiment], Training]
) -> Training:
    load_tensorflow(thread_count(experiment.replicas))
    return train(experiment)
