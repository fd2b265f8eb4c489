"""The runs of the programs, which are recorded and kept in files."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.diagnosis.histories import (
    History,
    load_history,
    load_keras,
    save_history,
)
from scripts.benchmarks.diagnosis.programs.program import FAILED, LEARNED, Program


@dataclass(frozen=True)
class ProgramRun:
    """Holds one training of a version of a program.

    Attributes:
        program: The program.
        is_faulty: Whether it is the faulty version.
        seed: The seed of the weights and of the order of samples.
        share: The learned share.
        history: The monitor's history.
    """

    program: Program
    is_faulty: bool
    seed: int
    share: float
    history: History

    @property
    def fails(self) -> bool:
        """Whether it is a faulty version that did not learn."""
        return self.is_faulty and self.share < FAILED

    @property
    def learns(self) -> bool:
        """Whether it is a repair that learned."""
        return not self.is_faulty and self.share >= LEARNED


def cached_run(
    program: Program, is_faulty: bool, seed: int, folder: Path | None
) -> ProgramRun:
    """Returns a run, from the cache or from a training.

    Args:
        program: The program.
        is_faulty: Whether to train the faulty version.
        seed: The seed.
        folder: The cache's folder, which gets what is recorded; None for no cache.
    """
    recipe = f"{program.name}, {'faulty' if is_faulty else 'repaired'}, seed {seed}"
    path = None
    if folder is not None:
        path = folder / f"{re.sub(r'[^a-z0-9]+', '_', recipe)}.npz"
    history = None if path is None else load_history(path, recipe)
    if history is None:
        load_keras()
        history = _record(program, is_faulty, seed)
        if path is not None:
            save_history(path, history, recipe)
    return ProgramRun(program, is_faulty, seed, history["share"], history)


def _record(program: Program, is_faulty: bool, seed: int) -> History:
    """Returns the monitor's history of a training, with the learned share."""
    import keras

    import deepxor

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    training = program.build(is_faulty)
    if not training.model.built:
        training.model.build((None, *training.x.shape[1:]))
    monitor = deepxor.GradientMonitor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of some faults, too
        training.model.fit(
            training.x,
            training.y,
            batch_size=training.batch_size,
            epochs=training.epochs,
            verbose=0,
            callbacks=[monitor],
        )
    return monitor.history | {"share": training.score(training.model)}
