import itertools

import numpy as np
import pytest

from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.weights import block_shapes, initial_weights


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_blocks_are_the_layers_in_forward_order(depth):
    experiment = PerceptronExperiment(depth=depth, width=7)
    layers = [(i, u) for n, i, u in block_shapes(experiment) for _ in range(n)]
    units = experiment.units
    assert layers == list(itertools.pairwise(units))
    assert len(experiment.layer_names) == len(layers)


def test_variances_are_those_that_were_asked_for():
    experiment = PerceptronExperiment(
        depth=20, width=100, weight_variance=2.5, bias_variance=0.3
    )
    weights = initial_weights([(experiment, replica) for replica in range(5)])
    # 950,000 weights and 9,500 biases in the middle block: the standard errors of the
    # variances are 0.15 % and 1.5 %.
    assert np.var(weights[1][:, :, :-1]) * 100 == pytest.approx(2.5, rel=0.01)
    assert np.var(weights[1][:, :, -1]) == pytest.approx(0.3, rel=0.08)
    assert np.var(weights[0][:, :, :-1]) * 64 == pytest.approx(2.5, rel=0.05)


def test_an_initializer_is_used_with_the_numbers_of_inputs_and_units():
    experiment = PerceptronExperiment(depth=2, width=7, initializer="orthogonal")
    first, *_ = initial_weights([(experiment, 4)])
    rng = np.random.default_rng((0, 4))
    expected = REPLICA_INITIALIZERS["orthogonal"](rng, 64, 7)
    np.testing.assert_array_equal(first[0, 0, :-1], expected.astype(np.float32))
    assert not first[0, 0, -1].any()


def test_the_start_of_a_network_depends_on_seed_and_replica_alone():
    small = PerceptronExperiment(width=7, weight_variance=1.0, bias_variance=0.1)
    large = PerceptronExperiment(width=7, weight_variance=4.0, bias_variance=0.4)
    other = PerceptronExperiment(
        width=7, weight_variance=1.0, bias_variance=0.1, seed=1
    )
    alone = initial_weights([(small, 3)])
    many = initial_weights([(other, 3), (large, 3), (small, 2), (small, 3)])
    for one, row in zip(alone, many, strict=True):
        np.testing.assert_array_equal(row[:, 3:], one)
        assert not np.array_equal(row[:, 0], one[:, 0])
        assert not np.array_equal(row[:, 2], one[:, 0])
    # Along the variance a map has the same networks but for the scale.
    np.testing.assert_allclose(many[0][:, 1], 2 * alone[0][:, 0], rtol=1e-6)
