"""The training of a case of the diagnosis benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.model import build_model, compile_model
from scripts.benchmarks.diagnosis.setup import Setup


def train(case: Case, callbacks: Sequence[keras.callbacks.Callback] = ()) -> np.ndarray:
    """Builds and trains the model of a case.

    Args:
        case: The case. Its training is the same every time.
        callbacks: The callbacks of the training that is recorded.

    Returns:
        The mean loss of each epoch of the recorded training, float64 [epochs].
    """
    return train_model(case, callbacks)[1]


def train_model(
    case: Case, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> tuple[keras.Model, np.ndarray]:
    """Returns the trained model of a case, and what `train` returns.

    Args:
        case: The case.
        callbacks: The callbacks of the training that is recorded.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(case.seed)
    before = replace(case.setup, **(case.before or {}))
    model = build_model(before)
    if case.before is not None:
        _fit(model, before, [])
        for layer in model.layers[: 1 + case.setup.frozen]:
            layer.trainable = False
        compile_model(model, case.setup)
    return model, _fit(model, case.setup, callbacks)


def _fit(
    model: keras.Model, setup: Setup, callbacks: Sequence[keras.callbacks.Callback]
) -> np.ndarray:
    x, y = setup.data()
    history = model.fit(
        x,
        y,
        batch_size=setup.batch_size,
        epochs=setup.epochs,
        verbose=0,
        callbacks=list(callbacks),
    )
    return np.array(history.history["loss"], np.float64)
