import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.network import (
    accuracy,
    cost,
    forward,
    gradients,
    parts,
)
from deepxor.vision.perceptrons.weights import initial_weights

TINY = PerceptronExperiment(depth=3, width=3, bias_variance=0.1)
R, BATCH = 2, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(R, BATCH, 64))
Y = RNG.integers(10, size=(R, BATCH)).astype(np.int32)


def weights():
    start = initial_weights([(TINY, replica) for replica in range(R)])
    return [value.astype(np.float64) for value in start]


def numpy_cost(values, network):
    """The cost of one network, written once more in NumPy."""
    h = X[network]
    layers = [
        (layer[network, :-1], layer[network, -1]) for block in values for layer in block
    ]
    for number, (kernel, bias) in enumerate(layers):
        h = h @ kernel + bias
        if number < len(layers) - 1:
            h = np.tanh(h)
    log_sum = np.log(np.exp(h).sum(axis=1))
    return np.mean(log_sum - h[np.arange(BATCH), Y[network]])


def test_the_gradient_is_that_of_central_differences():
    values = weights()
    tensors = [tf.constant(value) for value in values]
    found, _, costs = gradients(tensors, tf.constant(X), Y, tf.tanh)
    for network in range(R):
        assert costs[network].numpy() == pytest.approx(numpy_cost(values, network))
    step = 1e-5
    for value, gradient in zip(values, found, strict=True):
        for place in np.ndindex(value.shape):
            network, kept = place[1], value[place]
            ends = []
            for sign in (1, -1):
                value[place] = kept + sign * step
                ends.append(numpy_cost(values, network))
            value[place] = kept
            expected = (ends[0] - ends[1]) / (2 * step)
            # The differences are good to about step^2 and 1e-16 / step.
            assert gradient.numpy()[place] == pytest.approx(expected, abs=1e-9)


def test_one_picture_of_all_networks_is_that_of_each():
    tensors = parts([tf.constant(value) for value in weights()])
    shared = forward(tensors, tf.constant(X[:1]), keras.activations.relu).logits
    copies = forward(
        tensors, tf.constant(np.repeat(X[:1], R, 0)), keras.activations.relu
    )
    np.testing.assert_allclose(shared, copies.logits, rtol=1e-12)


def test_a_prediction_that_is_not_finite_is_not_right():
    y = np.zeros((3, 4), np.int32)
    logits = np.zeros((3, 4, 10), np.float32)
    logits[:, :, 0] = 1
    logits[1, :2] = np.nan
    logits[2, :, 0] = np.inf
    np.testing.assert_array_equal(accuracy(tf.constant(logits), y), [1, 0.5, 0])
    assert np.isfinite(cost(tf.constant(logits), y).numpy()).tolist() == [1, 0, 0]
