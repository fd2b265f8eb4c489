import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor.vision.optimizers import DecayedSGD

DECAY = 0.03


def model():
    keras.utils.set_random_seed(0)
    found = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    )
    for layer in found.layers:
        layer.bias.assign(keras.random.normal(layer.bias.shape, seed=1))
    return found


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_it_is_the_momentum_of_a_loss_with_half_the_decay_times_the_square(momentum):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    ours, theirs = model(), model()
    ours.compile(DecayedSGD(0.1, momentum, DECAY), "mse")
    ours.fit(x, y, batch_size=8, epochs=5, verbose=0)
    # Stock Keras, with the term in the loss.
    optimizer = keras.optimizers.SGD(0.1, momentum)
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((theirs(x) - y.astype(np.float32)) ** 2)
            for layer in theirs.layers:
                loss += DECAY / 2 * keras.ops.sum(layer.kernel**2)
        gradients = tape.gradient(loss, theirs.trainable_weights)
        optimizer.apply(gradients, theirs.trainable_weights)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        # float32, and sums in another order.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_its_settings_make_another():
    config = DecayedSGD(0.1, 0.9, DECAY).get_config()
    again = DecayedSGD.from_config(config)
    assert (again.decay, again.momentum) == (DECAY, 0.9)
