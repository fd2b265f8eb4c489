"""How much better than a constant a batch's predictions are."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.monitor.measure.constants import MAX_NUMBERS, Constants
from deepxor.monitor.measure.skill import Skill

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
PREDICTIONS = RNG.normal(size=(32, 3)).astype(np.float32)


def measure(loss, targets, predictions=PREDICTIONS, weights=()):
    skill = Skill(loss)
    skill.measure(targets, predictions, weights)
    return skill.pooled()


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
    # The frequencies of the classes are the best constant.
    constant = np.tile(np.bincount(labels, minlength=3) / 32, (32, 1))
    reference = cross_entropy(constant, labels)
    expected = 1 - cross_entropy(p, labels) / reference
    for targets in (labels, labels[:, None]):
        found = measure("sparse_categorical_crossentropy", targets, p)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
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
    # The best constant is the logit of the frequency.
    q = labels.mean()
    reference = -np.log(np.where(labels > 0, q, 1 - q)).mean()
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


def test_of_absolute_errors_the_median_is_the_best_constant():
    y = np.exp(RNG.normal(0, 2, (32, 1))).astype(np.float32)
    p = y + RNG.normal(0, 1, (32, 1)).astype(np.float32)
    reference = np.abs(y - np.median(y)).mean()
    expected = 1 - np.abs(y - p).mean() / reference
    np.testing.assert_allclose(measure("mae", y, p), expected, rtol=1e-4)


def test_the_constant_is_that_of_all_targets_seen_so_far():
    rng, skill = np.random.default_rng(1), Skill("mse")
    seen = []
    for _ in range(20):
        y = rng.normal(3, 1, (4, 2)).astype(np.float32)
        seen.append(y)
        mean = np.concatenate(seen).mean(axis=0)
        score = skill.measure(y, y + 9)
        median = np.median(np.concatenate(seen), axis=0)
        known = [np.square(y - constant).mean() for constant in (mean, median)]
        assert np.isclose(score.constant_loss, known, rtol=1e-5).any()
    # Of two that differ little the one is taken that has been better so far.
    np.testing.assert_allclose(score.constant_loss, known[0], rtol=1e-5)


def test_constants_are_found_from_a_bounded_number_of_targets():
    constants = Constants(is_sparse=False)
    for number in range(10):
        constants.add(np.full((4, MAX_NUMBERS // 8), number, np.float32), ())
    mean = constants.candidates(np.zeros((4, MAX_NUMBERS // 8)))["mean"]
    np.testing.assert_allclose(mean, 8.5)  # of the last two


def test_batches_of_one_are_judged_together():
    rng, skill = np.random.default_rng(0), Skill("mse")
    y = rng.normal(size=(200, 1)).astype(np.float32)
    p = (y + rng.normal(0, 0.5, y.shape)).astype(np.float32)
    found = []
    for i in range(200):
        skill.measure(y[i : i + 1], p[i : i + 1])
        found.append(skill.pooled())
    latest = slice(200 - 32, 200)
    expected = (
        1 - np.square(p - y)[latest].mean() / np.square(y - y.mean())[latest].mean()
    )
    np.testing.assert_allclose(found[-1], expected, rtol=0.05)
    assert min(found[32:]) > 0


def test_sample_weights_count():
    y, w = RNG.normal(size=(32, 3)).astype(np.float32), RNG.uniform(size=32)
    mean = (w[:, None] * y).sum(axis=0) / w.sum()
    own, reference = (
        (w * np.square(y - given).mean(axis=1)).sum() for given in (PREDICTIONS, mean)
    )
    found = measure("mse", y, PREDICTIONS, [w])
    np.testing.assert_allclose(found, 1 - own / reference, rtol=1e-4)
    column = measure(keras.losses.MeanSquaredError(), y, PREDICTIONS, [w[:, None]])
    np.testing.assert_allclose(column, found, rtol=1e-5)


def test_what_a_mask_hides_does_not_count():
    y = RNG.normal(size=(32, 5, 1)).astype(np.float32)
    p = y + RNG.normal(0, 0.3, y.shape).astype(np.float32)
    mask = RNG.random((32, 5)) < 0.5
    hidden = np.where(mask[..., None], p, 1e9).astype(np.float32)
    mean = (y * mask[..., None]).sum(axis=0) / mask.sum(axis=0)[:, None]
    own, reference = (np.square(y - x)[mask].mean() for x in (p, mean[None]))
    found = measure("mse", y, hidden, [mask])
    np.testing.assert_allclose(found, 1 - own / reference, rtol=1e-3)


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=str
)
def test_of_several_outputs_each_has_its_own(is_named, options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    a, b, c = (L.Dense(1, name=name)(inputs) for name in "abc")
    y = [X[:, :1] ** 2, (X[:, 1:2] > 0).astype(np.float32), X[:, 2:3]]
    losses = ["mse", "mae", None]
    if is_named:
        model = keras.Model(inputs, {"a": a, "b": b, "c": c})
        y, losses = dict(zip("abc", y, strict=True)), {"a": "mse", "b": "mae"}
    else:
        model = keras.Model(inputs, [a, b, c])
    model.compile("sgd", losses, **options)
    weights = model.get_weights()
    monitor = deepxor.GradientMonitor(every=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        model.fit(X, y, 64, shuffle=False, verbose=0, callbacks=[monitor])
    assert monitor.history["output"] == ["a", "b"]  # c is not trained
    model.set_weights(weights)
    given = model.predict(X[:32], verbose=0)
    for number, (name, loss) in enumerate([("a", "mse"), ("b", "mae")]):
        key = name if is_named else number
        expected = measure(loss, y[key][:32], given[key])
        found = monitor.history["output_skill"][0, number]
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    skills = monitor.history["output_skill"][0]
    assert monitor.history["skill"][0] == skills.min()


def test_weights_of_samples_and_of_classes_count_in_fit():
    y = (X[:, 0] > 0.5).astype(np.float32)
    for options in ({"sample_weight": 1 + 9 * y}, {"class_weight": {0: 1.0, 1: 10.0}}):
        model = model_of(L.Dense(1, "sigmoid"), loss="binary_crossentropy")
        weights = model.get_weights()
        monitor = deepxor.GradientMonitor(every=1)
        model.fit(X, y, 64, shuffle=False, verbose=0, callbacks=[monitor], **options)
        model.set_weights(weights)
        given = model.predict(X[:32], verbose=0)
        expected = measure("binary_crossentropy", y[:32], given, [1 + 9 * y[:32]])
        np.testing.assert_allclose(monitor.history["skill"][0], expected, rtol=1e-4)


def test_the_mask_of_a_layer_counts_in_fit():
    tokens = RNG.integers(0, 3, (64, 6))
    y = RNG.normal(size=(64, 6, 1)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            L.Embedding(3, 4, mask_zero=True),
            L.LSTM(4, return_sequences=True),
            L.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.build((None, 6))
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(tokens, y, 64, shuffle=False, verbose=0, callbacks=[monitor])
    given = model.predict(tokens[:32], verbose=0)
    expected = measure("mse", y[:32], given, [tokens[:32] > 0])
    np.testing.assert_allclose(monitor.history["skill"][0], expected, rtol=1e-4)


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
