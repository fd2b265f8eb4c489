"""The outcome of a case, which shows whether its model is what the case says.

A model is faulty because it does not learn, and its fault is of a kind because that
kind's remedy makes the very same model learn. No rule of a diagnosis has a say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from deepxor.verdicts import HEALTHY, NOT_LEARNING
from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.setup import Setup
from scripts.benchmarks.diagnosis.tasks import TASKS, best_constant_loss, task_data
from scripts.benchmarks.diagnosis.training import train, train_model

# A model has learned if it has come at least this share of the way from the best
# constant output to what a good model of its task reaches.
LEARNED = 0.5

# A model has not learned if it has come less than this share of the way.
NOT_LEARNED = 0.2

# A slow model has to come this share of the way in the epochs that are recorded, and
# the share `LEARNED` in `Case.patience` times the epochs.
SLOW = 0.1

_ADAM = ((0, 0.01),)
_GOOD = Setup(
    units=(32, 32), initializer="he_normal", optimizer="adam", rates=_ADAM, epochs=40
)
_GOOD_RECURRENT = replace(_GOOD, network="gru", units=(16,), epochs=30)

# Networks that learn these tasks better than _GOOD does.
_GOOD_OTHERS = {
    "bars": replace(_GOOD, network="cnn", units=(8, 16, 16), epochs=20),
    "glyphs": replace(_GOOD, network="cnn", units=(8, 16, 32), epochs=20),
    "counts": replace(_GOOD, output="exponential"),
    "low_rank": replace(_GOOD, units=(16, 3, 16), activation="tanh"),
    # Larger networks would learn the noise by heart.
    "faint_line": replace(_GOOD, units=(8,), epochs=15),
    "faint_blobs": replace(_GOOD, units=(8,), epochs=15),
    "faint_friedman": replace(_GOOD, units=(8,), epochs=15),
    "noisy_friedman": replace(_GOOD, units=(8,), epochs=15),
    "plane": replace(_GOOD, network="linear"),
    "waves_24": replace(_GOOD, network="conv1d", units=(16, 16), epochs=20),
    "waves_60": replace(_GOOD, network="conv1d", units=(16, 16), epochs=20),
    "means_20": _GOOD_RECURRENT,
    "means_50": _GOOD_RECURRENT,
    "tokens": replace(_GOOD, network="bag", units=(16, 16)),
}


@cache
def reference_loss(task: str, loss: str) -> float:
    """Returns the loss that a good model of a task reaches, which is trained for it.

    Args:
        task: A key of `tasks.TASKS`.
        loss: A loss as in `tasks.Task`.

    Returns:
        The mean loss of the last epoch.
    """
    setup = replace(_GOOD_OTHERS.get(task, _GOOD), task=task, loss=loss)
    return float(train(Case(f"reference of {task}", HEALTHY, setup))[-1])


def learned_share(setup: Setup, loss: float) -> float:
    """Returns how far a model has come from the best constant output to a good model.

    Args:
        setup: The model's setup.
        loss: The loss that the model has ended with.

    Returns:
        The share of the way: 0 for the best constant, 1 for the reference, and minus
        infinity for a loss that is not finite.
    """
    if not math.isfinite(loss):
        return -math.inf
    # The references are losses of the task without scales. A squared error grows with
    # the square of the targets' scale.
    power = {"mse": 2, "mae": 1}.get(setup.loss_name, 0)
    loss /= setup.loss_scale * setup.target_scale**power
    worst = best_constant_loss(setup.loss_name, task_data(setup.task)[1])
    best = reference_loss(setup.task, setup.loss_name)
    return (worst - loss) / (worst - best)


def predicted_share(case: Case) -> float:
    """Returns how far the predictions of a trained model are from a constant's.

    It is for models whose loss does not tell: the loss is the fault, or that of the
    training has dropout, or is of targets of another scale.

    Args:
        case: The case, which is trained.

    Returns:
        Of classes, the accuracy from that of the most frequent class (0) to 1; of
        numbers, the share of the variance explained. Minus infinity if a prediction is
        not finite.
    """
    model, _ = train_model(case)
    setup = case.setup
    x, y = setup.data()
    given = model.predict(x, verbose=0)
    if not np.isfinite(given).all():
        return -math.inf
    kind = TASKS[setup.task].loss
    if kind not in ("bce", "ce"):
        return float(1 - np.square(given - y).mean() / y.var(axis=0).mean())
    if kind == "bce":
        takes_logits = not setup.output if setup.logits is None else setup.logits
        y = (y > (y.min() + y.max()) / 2).ravel().astype(int)
        answers = (given.ravel() > (0 if takes_logits else 0.5)).astype(int)
    else:
        answers = given.argmax(axis=-1)
    most = np.bincount(y).max() / len(y)
    return float(((answers == y).mean() - most) / (1 - most))


@dataclass(frozen=True)
class Outcome:
    """How a case has ended.

    Attributes:
        share: The `learned_share` of the case; of one that does not learn for other
            reasons than gradients, the `predicted_share`.
        remedied: The share of the same case with its remedy; None for a healthy case.
        prolonged: The share of the same case trained for longer; None for a case whose
            `patience` is 1.
        ok: Whether the case is what its kind says. A healthy model learns, if slowly. A
            faulty one does not, not even in more time, but it does with its remedy.
    """

    share: float
    remedied: float | None
    prolonged: float | None
    ok: bool


def find_outcome(case: Case) -> Outcome:
    """Returns how a case ends when it is trained alone, remedied and prolonged."""

    def share_of(case: Case) -> float:
        if case.kind == NOT_LEARNING:
            return predicted_share(case)
        return learned_share(case.setup, train(case)[-1])

    share = share_of(case)
    prolonged = None if case.patience == 1 else share_of(case.prolonged())
    if case.kind == HEALTHY:
        is_slow = prolonged is not None and share >= SLOW and prolonged >= LEARNED
        return Outcome(share, None, prolonged, share >= LEARNED or is_slow)
    remedied = share_of(case.remedied())
    best = max(share, -math.inf if prolonged is None else prolonged)
    is_faulty = best < NOT_LEARNED and remedied >= LEARNED
    return Outcome(share, remedied, prolonged, is_faulty)
