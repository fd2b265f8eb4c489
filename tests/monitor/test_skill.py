"""How much better than a constant a batch's predictions are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.monitor.measure.skill import Skill

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
PREDICTIONS = RNG.normal(size=(32, 3)).astype(np.float32)


def measure(loss, targets, predictions=PREDICTIONS):
    return Skill(loss).measure([targets, predictions])


@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError()])
def test_of_squared_errors_it_is_the_share_of_the_variance_explained(loss):
    y = (PREDICTIONS + RNG.normal(0, 0.5, (32, 3))).astype(np.float32)
    expected = 1 - ((y - PREDICTIONS) ** 2).mean() / y.var(axis=0).mean()
    np.testing.assert_allclose(measure(loss, y), expected, rtol=1e-4)
    np.testing.assert_allclose(measure(loss, PREDICTIONS), 1)
    mean = np.tile(y.mean(axis=0), (32, 1))
    np.testing.assert_allclose(measure(loss, y, mean), 0, atol=1e-5)


def cross_entropy(p, labels):
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def test_of_cross_entropies():
    labels = RNG.integers(3, size=32)
    p = np.exp(PREDICTIONS.astype(float))
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    constant = np.tile(p.mean(axis=0), (32, 1))
    # Of 0 for all classes Keras makes the same probability for all.
    reference = min(cross_entropy(constant, labels), np.log(3))
    expected = 1 - cross_entropy(p, labels) / reference
    for targets in (labels, labels[:, None]):
        found = measure("sparse_categorical_crossentropy", targets, p)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    # The frequencies of the classes are the best constant.
    one_hot = np.eye(3, dtype=np.float32)[labels]
    constant = np.tile(one_hot.mean(axis=0), (32, 1))
    expected = 1 - cross_entropy(p, labels) / cross_entropy(constant, labels)
    found = measure("categorical_crossentropy", one_hot, p)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_logits_that_are_too_large_have_no_skill_though_their_mean_is_worse():
    labels = RNG.integers(2, size=32)
    logits = np.where(RNG.random(32) < 0.7, labels, 1 - labels) * 400.0 - 100.0
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    own = np.maximum(np.where(labels > 0, -logits, logits), 0).mean()
    found = measure(loss, labels.astype(np.float32), logits.astype(np.float32)[:, None])
    # 0.5 for all is a logit of 0; the frequency's own is near it.
    reference = min(np.log(2), np.logaddexp(0, labels.mean()) - labels.mean() ** 2)
    np.testing.assert_allclose(found, 1 - own / reference, rtol=1e-3)


def test_targets_may_lack_the_last_axis():
    y = (PREDICTIONS[:, 0] > 0).astype(np.float32)
    p = 1 / (1 + np.exp(-PREDICTIONS[:, :1]))
    own = -np.log(np.where(y > 0, p[:, 0], 1 - p[:, 0])).mean()
    q = y.mean()
    reference = -np.log(np.where(y > 0, q, 1 - q)).mean()
    for loss in ("binary_crossentropy", keras.losses.BinaryCrossentropy()):
        np.testing.assert_allclose(measure(loss, y, p), 1 - own / reference, rtol=1e-4)


def raises(targets, predictions):
    raise ValueError("not of such a batch")


@pytest.mark.parametrize(
    "loss", [None, ["mse", "mse"], {"a": "mse"}, raises, "cosine_similarity"]
)
def test_where_there_is_none_it_is_nan(loss):
    # Of a loss that is negative, nothing can be said.
    assert np.isnan(measure(loss, np.abs(PREDICTIONS), np.abs(PREDICTIONS)))


def model_of(*layers, loss="mse", **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.SGD(0.05), loss, **options)
    return model


@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=str
)
def test_in_fit_it_is_that_of_the_batchs_first_samples(options):
    y = X[:, :2] ** 2
    model = model_of(L.Dense(8, "tanh"), L.Dense(2), **options)
    weights = model.get_weights()
    monitor = deepxor.GradientMonitor(every=1, sample=20)
    model.fit(X, y, 64, shuffle=False, verbose=0, callbacks=[monitor])
    model.set_weights(weights)
    expected = measure("mse", y[:20], model.predict(X[:20], verbose=0))
    np.testing.assert_allclose(monitor.history["skill"], [expected], rtol=1e-4)


class Own(keras.Model):
    """Has a `compute_loss` of its own signature, and a loss of its own batch size."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, y, y_pred):
        return tf.reduce_mean(tf.square(y - y_pred))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y_pred=self(x), y=y)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def of_a_whole_batch(y, p):
    return tf.square(tf.reshape(y, [64, 1]) - p)


@pytest.mark.parametrize("loss", [None, "mse", of_a_whole_batch])
def test_a_training_step_of_somebodys_own(loss):
    model, monitor = Own(), deepxor.GradientMonitor(every=1, sample=16)
    model.compile("sgd", loss)
    model.fit(X, X[:, :1], 64, epochs=2, verbose=0, callbacks=[monitor])
    assert len(monitor.history["step"]) == 2
    # Before its first step it is not built, and nothing can be kept.
    assert np.isfinite(monitor.history["skill"][-1]) == (loss == "mse")


@pytest.mark.parametrize(
    ("is_noise", "low", "high"), [(False, 0.99, 1), (True, -1, 0.3)]
)
def test_a_model_that_learns_gains_skill_and_one_that_cannot_has_none(
    is_noise, low, high
):
    rng = np.random.default_rng(0)
    y = X @ rng.normal(size=(4, 1)).astype(np.float32)
    monitor = deepxor.GradientMonitor(every=4)
    targets = rng.permutation(y) if is_noise else y
    model_of(L.Dense(1)).fit(X, targets, 64, epochs=99, verbose=0, callbacks=[monitor])
    skill = monitor.history["skill"]
    assert low <= skill[np.isfinite(skill)][-1] <= high


def test_a_model_with_two_outputs_has_none():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [L.Dense(1)(inputs), L.Dense(1)(inputs)])
    model.compile("sgd", ["mse", "mse"])
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X, [X[:, :1], X[:, 1:2]], verbose=0, callbacks=[monitor])
    assert np.isnan(monitor.history["skill"]).all()


def test_a_model_that_goes_on_from_a_good_state_is_healthy():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(256, 60, 1)).astype(np.float32)
    y = x[:, -1] > 0  # needs no memory, and has none
    model = keras.Sequential(
        [keras.Input((60, 1)), L.SimpleRNN(8), L.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    model.fit(x, y, epochs=15, verbose=0)
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    monitor = deepxor.GradientMonitor(every=2)
    model.fit(x, y, epochs=5, verbose=0, callbacks=[monitor])
    history = monitor.history
    assert np.nanmax(history["time_ratio"]) < 1e-3
    assert monitor.diagnosis.verdict == "healthy", monitor.diagnosis
