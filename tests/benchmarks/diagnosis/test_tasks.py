"""The data of the diagnosis benchmark, and the best constant outputs."""

import keras
import numpy as np
import pytest

from scripts.benchmarks.diagnosis.tasks import TASKS, best_constant_loss


@pytest.mark.parametrize("name", sorted(TASKS))
def test_tasks_are_the_same_every_time_and_fit_their_losses(name):
    task = TASKS[name]
    x, y = task.data()
    again = task.data()
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert len(x) == len(y) and np.isfinite(x).all() and np.isfinite(y).all()
    if task.loss == "ce":
        assert set(np.unique(y)) == set(range(task.outputs))
    else:
        assert y.dtype == np.float32 and y.shape == (len(x), task.outputs)


LOSSES = {
    "bce": keras.losses.BinaryCrossentropy(),
    "mse": keras.losses.MeanSquaredError(),
    "mae": keras.losses.MeanAbsoluteError(),
    "huber": keras.losses.Huber(),
    "poisson": keras.losses.Poisson(),
}


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_no_constant_is_better_than_the_best(loss):
    y = np.random.default_rng(0).gamma(2.0, size=(200, 1)).astype(np.float32)
    if loss == "bce":
        y = (y > 3).astype(np.float32)
    constants = np.linspace(0.02, 0.98 if loss == "bce" else 6, 300)
    losses = [float(LOSSES[loss](y, np.full_like(y, c))) for c in constants]
    assert best_constant_loss(loss, y) == pytest.approx(min(losses), rel=2e-3)


def test_the_best_constant_of_several_outputs():
    y = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    angles = np.linspace(0, 2 * np.pi, 2000)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    expected = -(unit @ directions).mean(axis=0).max()
    assert best_constant_loss("cosine", y) == pytest.approx(expected, abs=1e-4)
    classes = np.array([0, 0, 1, 2])
    entropy = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25))
    assert best_constant_loss("ce", classes) == pytest.approx(entropy)


def test_an_unknown_loss_is_an_error():
    with pytest.raises(ValueError, match="Received: loss='hinge'"):
        best_constant_loss("hinge", np.zeros((2, 1)))
