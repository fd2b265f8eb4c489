import numpy as np
import pytest

from deepxor.vision.perceptrons.batches import Batches
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.digits import digits

TEN = PerceptronExperiment(batch_size=10)


def test_an_epoch_shows_each_picture_once_and_leaves_out_the_rest():
    taken = Batches([(TEN, 0)], 45).take(8)
    assert taken.shape == (8, 1, 10)
    epochs = taken[:4].ravel(), taken[4:].ravel()
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 40
        assert set(epoch.tolist()) <= set(range(45))
    assert not np.array_equal(*epochs)


def test_batches_do_not_depend_on_how_many_are_taken_at_once():
    one, two = Batches([(TEN, 0)], 45), Batches([(TEN, 0)], 45)
    parts = [one.take(steps) for steps in (1, 6, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), two.take(9))


def test_the_order_is_that_of_the_replica_in_all_cells():
    other = PerceptronExperiment(batch_size=10, weight_variance=3.0)
    reseeded = PerceptronExperiment(batch_size=10, seed=1)
    networks = [(TEN, 0), (TEN, 1), (other, 1), (reseeded, 1)]
    taken = Batches(networks, 45).take(9)
    np.testing.assert_array_equal(taken[:, 1], taken[:, 2])
    for number in (0, 3):
        assert not np.array_equal(taken[:, 1], taken[:, number])
    np.testing.assert_array_equal(taken[:, 1:2], Batches([(TEN, 1)], 45).take(9))


def test_the_best_constant_costs_the_entropy_of_the_classes():
    data = digits()
    shares = np.bincount(data.y) / len(data.y)
    entropy = -(shares * np.log(shares)).sum()
    assert data.class_losses[data.y].mean() == pytest.approx(entropy)
    assert data.x.shape[1] == data.x_test.shape[1] == 64
