"""The causes of faults, on models in which one thing is wrong, and on their repairs."""

import warnings

import keras
import numpy as np
import pytest

import deepxor
from deepxor.diagnosis.causes.table import CAUSES, MAX_CAUSES
from deepxor.verdicts import HEALTHY, VERDICTS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(512, 6)).astype(np.float32)
LINE = (X[:, 0] - 0.5 * X[:, 1])[:, None]
BINARY = (LINE[:, 0] > 0).astype(np.float32)
CLASSES = np.digitize(LINE[:, 0], [-0.7, 0.7])
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
SHUFFLED = RNG.permutation(BINARY)


def fit(
    y,
    units,
    activation,
    loss,
    *,
    x=X,
    hidden="relu",
    widths=(16, 16),
    dropout=0.0,
    optimizer="adam",
    rate=0.01,
    epochs=15,
    after=0.0,
    monitor=None,
    **options,
):
    """Returns the diagnosis of a small model that was trained on `x` and `y`."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input(x.shape[1:])]
    for width in widths:
        layers.append(keras.layers.Dense(width, hidden, **options))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(units, activation, name="output"))
    if after:
        layers.append(keras.layers.Dropout(after))
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.get(optimizer)
    optimizer.learning_rate = rate
    model.compile(optimizer, loss)
    monitor = monitor or deepxor.GradientMonitor()
    with warnings.catch_warnings():
        # Keras warns of a softmax over one unit, and of one unit for classes.
        warnings.filterwarnings("ignore", module="keras")
        model.fit(x, y, 32, epochs, verbose=0, callbacks=[monitor])
    return monitor.diagnosis


MSE, BCE, CCE = "mse", "binary_crossentropy", "categorical_crossentropy"
SPARSE = "sparse_categorical_crossentropy"
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)

# What is wrong, the first cause, and a part of its evidence.
FAULTY = {
    "softmax over one unit": (
        (BINARY, 1, "softmax", BCE), {}, "output_activation", "always 1",
    ),
    "relu on negative targets": (
        (LINE - 10, 1, "relu", MSE), {}, "output_activation", "values above 0",
    ),
    "sigmoid on large targets": (
        (LINE + 50, 1, "sigmoid", MSE), {}, "output_activation", "between 0 and 1",
    ),
    "tanh on large targets": (
        (10 * LINE + 50, 1, "tanh", MSE), {}, "output_activation", "between -1 and 1",
    ),
    "one unit for three classes": (
        (CLASSES, 1, "sigmoid", BCE), {}, "loss", "go from 0 to 2",
    ),
    "categorical crossentropy of one unit": (
        (BINARY[:, None], 1, "sigmoid", CCE), {}, "loss", "loss is 0",
    ),
    "labels of -1 and 1": (
        (2 * BINARY - 1, 1, "sigmoid", BCE), {}, "labels", "these are -1 and 1",
    ),
    "crossentropy of numbers": (
        (10 * LINE, 1, "sigmoid", BCE), {}, "loss", "made for labels from 0 to 1",
    ),
    "inputs of a million": (
        (LINE, 1, None, MSE), {"x": X * 1e6, "rate": 1e-3}, "input_scale", "e+06",
    ),
    "targets of a million": (
        (1e6 * LINE, 1, None, MSE), {}, "target_scale", "not scaled",
    ),
    "a rate of 100": (
        (BINARY, 1, "sigmoid", BCE), {"optimizer": "sgd", "rate": 100.0},
        "learning_rate_high", "learning rate 100",
    ),
    "a rate of 1e-7": (
        (BINARY, 1, "sigmoid", BCE), {"rate": 1e-7}, "learning_rate_low",
        "hardly moved",
    ),
    "weights of zero": (
        (BINARY, 1, "sigmoid", BCE), {"kernel_initializer": "zeros"},
        "initialization", "exactly zero",
    ),
    "ten layers of sigmoid": (
        (BINARY, 1, "sigmoid", BCE), {"hidden": "sigmoid", "widths": (8,) * 10},
        "hidden_activation", "sigmoid",
    ),
    "dropout of 0.95": (
        (ONE_HOT, 3, "softmax", CCE), {"dropout": 0.95}, "dropout", "95%",
    ),
    "dropout of the answer": (
        (ONE_HOT, 3, "softmax", CCE), {"after": 0.5}, "dropout", "after the output",
    ),
    "labels of other samples": (
        (SHUFFLED, 1, "sigmoid", BCE), {"rate": 1e-3, "epochs": 6}, "labels",
        "not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_the_first_cause_is_what_is_wrong(name):
    arguments, options, cause, says = FAULTY[name]
    found = fit(*arguments, **options)
    assert found.verdict not in (HEALTHY, "undecided"), found
    assert found.causes[0].name == cause, found
    assert says in found.causes[0].evidence, found
    assert found.advice == found.causes[0].remedy
    assert len(found.causes) <= MAX_CAUSES
    assert len({one.name for one in found.causes}) == len(found.causes)
    assert all(one.evidence and one.remedy for one in found.causes)
    assert "nan" not in str(found)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((BINARY, 1, "sigmoid", BCE), {}),
        ((BINARY, 1, None, LOGITS), {}),
        ((ONE_HOT, 3, "softmax", CCE), {"dropout": 0.2}),
        ((CLASSES, 3, "softmax", SPARSE), {}),
        ((LINE - 10, 1, None, MSE), {"epochs": 40}),
        ((np.abs(LINE) * 3, 1, "relu", MSE), {}),
        ((np.tanh(LINE), 1, "tanh", MSE), {}),
        ((2 * BINARY - 1, 1, "tanh", "hinge"), {}),
        ((BINARY, 1, "sigmoid", MSE), {}),
    ],
)  # fmt: skip
def test_what_fits_together_is_healthy_and_has_no_causes(arguments, options):
    found = fit(*arguments, **options)
    assert found.verdict == HEALTHY, found
    assert found.causes == () and "beat a constant by a skill of" in found.evidence


def test_a_batch_of_one_is_judged_by_many_samples():
    good = deepxor.GradientMonitor()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), BCE)
    model.fit(X, BINARY, 1, epochs=2, verbose=0, callbacks=[good])
    assert good.diagnosis.verdict == HEALTHY, good.diagnosis
    known = good.history["skill"][~np.isnan(good.history["skill"])]
    assert known[-1] > 0.5 and known.min() > -10


def test_an_output_that_does_not_learn_is_named():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(16, "relu")(inputs)
    good = keras.layers.Dense(1, name="good")(hidden)
    bad = keras.layers.Dense(1, "relu", name="bad")(hidden)
    model = keras.Model(inputs, {"good": good, "bad": bad})
    model.compile(keras.optimizers.Adam(0.01), {"good": MSE, "bad": MSE})
    monitor = deepxor.GradientMonitor()
    targets = {"good": LINE, "bad": LINE - 10}
    model.fit(X, targets, 32, 15, verbose=0, callbacks=[monitor])
    found = monitor.diagnosis
    assert found.layer == "bad" and found.causes[0].name == "output_activation", found


def test_what_needs_no_training_is_said_after_the_first_step():
    steps = []
    counter = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: steps.append(batch)
    )
    monitor = deepxor.GradientMonitor(on_fault="warn")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, "relu")])
    model.compile("adam", MSE)
    at = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.showwarning = lambda *_: at.append(len(steps))
        warnings.filterwarnings("always", message="GradientMonitor")
        model.fit(X * 1e4, LINE - 10, verbose=0, callbacks=[counter, monitor])
    assert at[0] == 1


def test_the_tables_of_causes_and_verdicts_know_each_other():
    names = {verdict.name for verdict in VERDICTS}
    for rule in CAUSES:
        assert set(rule.verdicts) <= names
        assert rule.sign and rule.remedy and rule.source
