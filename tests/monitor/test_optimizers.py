"""What several optimizers, and optimizers out of sight, give to a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from tests.support.modes import GRAPH, HOW, XLA, L, X, Y


class Gan(keras.Model):
    """The GAN of Keras's examples, with an optimizer each."""

    def __init__(self, steps=1):
        super().__init__()
        self.discriminator = keras.Sequential(
            [keras.Input((8,)), L.Dense(6, "leaky_relu"), L.Dense(1)], name="D"
        )
        self.generator = keras.Sequential(
            [keras.Input((4,)), L.Dense(6, "leaky_relu"), L.Dense(8)], name="G"
        )
        self.steps = steps

    def compile(self, d_optimizer, g_optimizer, **options):
        super().compile(**options)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        noise = x[:, 4:]
        for _ in range(self.steps):
            with tf.GradientTape() as tape:
                real, fake = (
                    self.discriminator(x),
                    self.discriminator(self.generator(noise)),
                )
                d_loss = self.loss_fn(tf.ones_like(real), real)
                d_loss += self.loss_fn(tf.zeros_like(fake), fake)
            weights = self.discriminator.trainable_weights
            self.d_optimizer.apply_gradients(
                zip(tape.gradient(d_loss, weights), weights, strict=True)
            )
        with tf.GradientTape() as tape:
            fake = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(tf.ones_like(fake), fake)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        return {"d_loss": d_loss, "g_loss": g_loss}


def gan(**options):
    keras.utils.set_random_seed(0)
    model = Gan(options.pop("steps", 1))
    sgd = [keras.optimizers.SGD(0.1) for _ in range(2)]
    model.compile(*sgd, **options)
    return model


def norms_by_hand(model):
    """Returns the norms of the first step's gradients by layer, taken eagerly."""
    noise = X[:16, 4:]
    g, d, loss_fn = model.generator, model.discriminator, model.loss_fn
    with tf.GradientTape() as tape:
        real, fake = d(X[:16]), d(g(noise))
        loss = loss_fn(tf.ones_like(real), real) + loss_fn(tf.zeros_like(fake), fake)
    d_gradients = tape.gradient(loss, d.trainable_weights)
    for gradient, weight in zip(d_gradients, d.trainable_weights, strict=True):
        weight.assign_sub(0.1 * gradient)
    with tf.GradientTape() as tape:
        fake = d(g(noise))
        loss = loss_fn(tf.ones_like(fake), fake)
    found = [*tape.gradient(loss, g.trainable_weights), *d_gradients]
    pairs = zip(found[::2], found[1::2], strict=True)
    return [float(tf.linalg.global_norm(pair)) for pair in pairs]


@HOW
def test_both_optimizers_of_a_gan_are_seen(options):
    expected = norms_by_hand(gan(**options))
    model, monitor = gan(**options), deepxor.GradientMonitor(every=1)
    model.fit(X[:16], batch_size=16, epochs=4, verbose=0, callbacks=[monitor])
    history = monitor.history
    names = [name.split("/")[0] for name in history["layer"]]
    order = ["G", "G", "D", "D"] if names[0] == "G" else ["D", "D", "G", "G"]
    assert names == order
    if names[0] == "D":
        expected = [*expected[2:], *expected[:2]]
    np.testing.assert_allclose(history["norm"][0], expected, rtol=1e-4)
    assert not history["loss_seen"].any() and "loss" in history["notes"]
    assert monitor.diagnosis.verdict != "exploding"
    bare = gan(**options)
    bare.fit(X[:16], batch_size=16, epochs=4, verbose=0)
    for a, b in zip(bare.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_of_several_gradients_to_a_layer_the_last_is_recorded_and_said():
    model, monitor = gan(steps=3), deepxor.GradientMonitor()
    model.fit(X[:16], batch_size=16, verbose=0, callbacks=[monitor])
    note = monitor.history["notes"]["applications"]
    assert "D/" in note and " 3" in note and "G/" not in note


class InLists(keras.Model):
    """Has its optimizers in a list and in a dict; one layer no optimizer gets."""

    def __init__(self):
        super().__init__()
        self.parts = [L.Dense(4, name="a"), L.Dense(4, name="b"), L.Dense(1, name="c")]
        self.optimizers = [keras.optimizers.SGD(0.1)]
        self.by_name = {"second": keras.optimizers.SGD(0.1)}

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def train_step(self, data):
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        chosen = [*self.optimizers, *self.by_name.values()]
        for optimizer, part in zip(chosen, self.parts, strict=False):
            weights = part.trainable_weights
            optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


@HOW
def test_optimizers_in_lists_are_seen_and_what_none_got_is_nan(options):
    model, monitor = InLists(), deepxor.GradientMonitor(every=1)
    model.compile(**options)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    history = monitor.history
    assert sorted(history["layer"]) == ["a", "b", "c"]
    unseen = history["layer"].index("c")
    for name in ("norm", "mean_abs", "zero_fraction", "non_finite"):
        assert np.isnan(history[name][:, unseen]).all()
        assert np.isfinite(np.delete(history[name], unseen, axis=1)).all()
    assert np.isfinite(history["global_norm"]).all()
    assert "no optimizer got a gradient of c" in history["notes"]["norm"]


class InBranch(keras.Sequential):
    """Applies its gradients in every other step only, in a branch of the graph."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.count.assign_add(1)

        def apply():
            self.optimizer.apply(gradients, self.trainable_variables)
            return True

        tf.cond(self.count.value % 2 == 1, apply, lambda: False)
        return {"loss": loss}


@pytest.mark.parametrize("options", [GRAPH, XLA], ids=["graph", "XLA"])
def test_what_is_applied_in_a_branch_is_seen_and_nan_where_it_is_not_taken(options):
    def make():
        keras.utils.set_random_seed(0)
        model = InBranch([keras.Input((8,)), L.Dense(8, "tanh"), L.Dense(1)])
        model.count = keras.Variable(0, dtype="int32", trainable=False)
        model.compile("sgd", "mse", **options)
        model.optimizer.build(model.trainable_variables)
        return model

    model, bare, monitor = make(), make(), deepxor.GradientMonitor(every=1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(X[:16]) - Y[:16]) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    expected = [tf.linalg.global_norm(gradients[i : i + 2]) for i in (0, 2)]
    model.fit(X, Y, 16, shuffle=False, verbose=0, callbacks=[monitor])
    norm = monitor.history["norm"]
    np.testing.assert_allclose(norm[0], expected, rtol=1e-5)
    assert np.isnan(norm[[1, 3]]).all() and np.isfinite(norm[[0, 2]]).all()
    bare.fit(X, Y, 16, shuffle=False, verbose=0)
    for a, b in zip(bare.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class UnderFunction(keras.Sequential):
    @tf.function
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
            if loss > 1e9:  # for AutoGraph
                loss = loss * 2.0
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


@HOW
@pytest.mark.parametrize("is_fitted_before", [True, False])
def test_a_train_step_under_tf_function_is_seen(options, is_fitted_before):
    def make():
        keras.utils.set_random_seed(0)
        model = UnderFunction([keras.Input((8,)), L.Dense(8, "relu"), L.Dense(1)])
        model.compile("adam", "mse", **options)
        if is_fitted_before:
            model.fit(X, Y, 16, shuffle=False, verbose=0)
        return model

    model, bare, monitor = make(), make(), deepxor.GradientMonitor(every=1)
    model.fit(X, Y, 16, epochs=2, shuffle=False, verbose=0, callbacks=[monitor])
    bare.fit(X, Y, 16, epochs=2, shuffle=False, verbose=0)
    first = 4 * is_fitted_before
    assert monitor.history["step"].tolist() == list(range(first, first + 8))
    assert (monitor.history["norm"] > 0).all() and (monitor.history["loss"] > 0).all()
    for a, b in zip(bare.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Helped(keras.Sequential):
    """Applies its gradients in a function of its own, which keeps its trace."""

    @tf.function
    def update(self, gradients):
        self.optimizer.apply(gradients, self.trainable_variables)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        self.update(tape.gradient(loss, self.trainable_variables))
        return {"loss": loss}


def test_an_optimizer_that_cannot_be_seen_is_named():
    model = Helped([keras.Input((8,)), L.Dense(8, "relu"), L.Dense(1)])
    model.compile("adam", "mse", **GRAPH)
    model.fit(X, Y, 16, verbose=0)
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    assert len(monitor.history["step"]) == 4
    assert np.isnan(monitor.history["norm"]).all()
    assert "optimizer" in monitor.history["notes"]["norm"]
    found = monitor.diagnosis
    assert found.verdict == "undecided" and "No gradient was seen" in found.evidence
