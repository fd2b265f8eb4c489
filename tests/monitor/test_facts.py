"""What is recorded of the data, and read from the compiled model."""

import json

import keras
import numpy as np
import pytest

import deepxor
from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS
from deepxor.monitor.measure.facts import output_facts
from deepxor.monitor.measure.skill import Score

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (64, 4)).astype(np.float32)
Y = X[:, :1] ** 2
IDS = RNG.integers(0, 9, (64, 5))
PICTURES = RNG.uniform(0, 255, (64, 6, 6, 3)).astype(np.float32)

MODES = pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=str
)


def recorded(model, x=X, y=Y, loss="mse", optimizer="sgd", **options):
    """Returns the history of a single step on all samples."""
    model.compile(optimizer, loss, **options)
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(x, y, 64, shuffle=False, verbose=0, callbacks=[monitor])
    return monitor.history


def sequential(*layers, shape=(4,)):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *layers])


def test_facts_of_outputs_are_those_of_numpy():
    y = np.array([[0.0, 3], [2, 3], [2, np.nan], [-1, 7.5]])
    p = RNG.normal(size=(4, 2))
    found = output_facts(y, p, Score(0.5, 2.0, 4), 0.75)
    table = dict(zip((fact.name for fact in OUTPUT_FACTS), found, strict=True))
    known = y[np.isfinite(y)]
    variances = [y[:, 0].var(), np.array([3, 3, 7.5]).var()]
    expected = {
        "output_skill": 0.75, "prediction_loss": 0.5, "constant_loss": 2,
        "output_samples": 4, "target_min": -1, "target_max": 7.5,
        "target_mean": known.mean(), "target_spread": np.sqrt(np.mean(variances)),
        "target_whole": 6 / 7, "target_distinct": 5, "target_non_finite": 1 / 8,
        "prediction_min": p.min(), "prediction_max": p.max(),
        "prediction_spread": np.sqrt(p.var(axis=0).mean()),
    }  # fmt: skip
    assert table.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(table[name], value, rtol=1e-12, err_msg=name)


def test_of_targets_that_are_all_nan_nothing_is_known():
    y = np.full((4, 1), np.nan)
    found = output_facts(y, y, Score(np.nan, np.nan, 4), np.nan)
    table = dict(zip((fact.name for fact in OUTPUT_FACTS), found, strict=True))
    assert np.isnan(table["target_mean"]) and np.isnan(table["prediction_spread"])
    assert table["target_non_finite"] == 1 and table["target_distinct"] == 0


def facts_of(x):
    x = x[:32].astype(float)
    return [x.mean(), np.sqrt((x**2).mean()), abs(x).max(), 0]


def dense(name="first", **options):
    return L.Dense(3, name=name, **options)


class Own(keras.Model):
    """Scales its inputs itself."""

    def __init__(self):
        super().__init__()
        self.first, self.last = dense("first"), L.Dense(1)

    def call(self, x):
        return self.last(self.first(x * 2))


def residual():
    inputs = keras.Input((4,))
    hidden = L.Dense(4, name="first")(inputs)
    outputs = L.Dense(1)(L.Add()([inputs, hidden]))
    return keras.Model(inputs, outputs)


def of_two_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model(
        [a, b], L.Dense(1)(L.Add()([dense("first")(a), dense("second")(b)]))
    )


ENTRIES = {
    "dense": (lambda: sequential(dense(), L.Dense(1)), X, {"first": X}),
    "rescaling": (
        lambda: sequential(L.Rescaling(0.1), dense(), L.Dense(1)), X, {"first": X / 10},
    ),
    "nested": (
        lambda: sequential(
            keras.Sequential([L.ReLU(), dense()], name="inner"), L.Dense(1)
        ),
        X, {"inner/first": np.maximum(X, 0)},
    ),
    "normalized": (
        lambda: sequential(L.BatchNormalization(), dense(), L.Dense(1)), X, {},
    ),
    "tokens": (
        lambda: sequential(L.Embedding(9, 2), L.Flatten(), L.Dense(1), shape=(5,)),
        IDS, {},
    ),
    "two inputs": (of_two_inputs, [X, X * 5], {"first": X, "second": X * 5}),
    "convolution": (
        lambda: sequential(
            L.Conv2D(2, 3, name="first"), L.Flatten(), L.Dense(1), shape=(6, 6, 3)
        ),
        PICTURES, {"first": PICTURES},
    ),
}  # fmt: skip


@MODES
@pytest.mark.parametrize("name", ENTRIES)
def test_inputs_are_looked_at_where_they_enter(name, options):
    build, x, expected = ENTRIES[name]
    history = recorded(build(), x=x, **options)
    if options.get("run_eagerly"):  # later layers' sources are not known
        expected = dict(list(expected.items())[:1])
    assert history["input"] == list(expected)
    for number, values in enumerate(expected.values()):
        found = [history[fact.name][0, number] for fact in INPUT_FACTS]
        np.testing.assert_allclose(found, facts_of(values), rtol=1e-4, atol=1e-6)


def test_inputs_of_a_model_of_somebodys_own():
    model = Own()
    model(X)
    history = recorded(model)
    assert history["input"] == ["first"]
    np.testing.assert_allclose(history["input_rms"][0], facts_of(2 * X)[1], rtol=1e-4)


def test_what_depends_on_inputs_and_layers_is_no_input():
    history = recorded(residual())
    assert history["input"] == ["first"]


@MODES
def test_activation_rms_is_that_of_the_layers_outputs(options):
    def build():
        return sequential(
            L.Dense(8, "relu"), L.Dense(8), L.ReLU(), L.Dense(8, "gelu"), L.Dense(8),
            L.LayerNormalization(), L.Dense(1),
        )  # fmt: skip

    found = recorded(build(), **options)["activation_rms"][0]
    model = build()
    outputs, x = [], X[:32]
    for layer in model.layers:
        x = layer(x)
        outputs.append(np.sqrt(np.mean(np.square(keras.ops.convert_to_numpy(x)))))
    # The ReLU is the activation of the layer before it.
    expected = [outputs[0], *outputs[2:]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_activation_rms_of_convolutions_and_recurrent_layers():
    model = sequential(
        L.Conv1D(3, 2), L.LSTM(4, return_sequences=True), L.Flatten(), L.Dense(1),
        shape=(5, 2),
    )  # fmt: skip
    x = RNG.normal(size=(64, 5, 2)).astype(np.float32)
    parts = [keras.Model(model.inputs, layer.output) for layer in model.layers]
    outputs = [part.predict(x[:32], verbose=0) for part in parts]
    expected = [np.sqrt(np.mean(o**2)) for i, o in enumerate(outputs) if i != 2]
    found = recorded(model, x=x, y=x[:, 0, :1])["activation_rms"][0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_learning_rate_in_force():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    model = sequential(L.Dense(1))
    model.compile(keras.optimizers.SGD(schedule), "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X, Y, 16, verbose=0, callbacks=[monitor])
    # It is read after the step, for which the schedule has the next rate.
    expected = 0.1 * 0.5 ** np.arange(1, 5)
    np.testing.assert_allclose(monitor.history["learning_rate"], expected, rtol=1e-5)


def output_of(model, loss="mse", y=Y, **options):
    facts = recorded(model, y=y, loss=loss, **options)["model"]
    assert json.loads(json.dumps(facts)) == facts
    (output,) = facts["outputs"].values()
    return facts, output


class Softmax(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3, name="logits")

    def call(self, x):
        return keras.activations.softmax(self.dense(x))


def own_loss(y, p):
    return keras.ops.mean(keras.ops.square(y - p), axis=-1)


CLASSES = RNG.integers(0, 3, 64)
SPARSE = keras.losses.SparseCategoricalCrossentropy

OUTPUTS = [
    (lambda: sequential(L.Dense(1, name="d")), "mse", Y,
     ("d", "linear", 1, "mean_squared_error", None, None)),
    (lambda: sequential(L.Dense(1, "tanh", name="d"), L.Reshape((1,))),
     keras.losses.MeanAbsoluteError(), Y,
     ("d", "tanh", 1, "mean_absolute_error", None, None)),
    (lambda: sequential(L.Dense(3, name="d"), L.Softmax()),
     "sparse_categorical_crossentropy", CLASSES,
     ("d", "softmax", 3, "sparse_categorical_crossentropy", False, None)),
    (lambda: sequential(L.Dense(3, name="d"), L.Activation("relu"), L.Dropout(0.25)),
     SPARSE(from_logits=True), CLASSES,
     ("d", "relu", 3, "sparse_categorical_crossentropy", True, 0.25)),
    (lambda: sequential(L.Reshape((4, 1)), L.TimeDistributed(L.Dense(1, "sigmoid"),
                                                             name="t")),
     keras.losses.mean_squared_error, X[..., None],
     ("t", "sigmoid", 1, "mean_squared_error", None, None)),
    (lambda: sequential(L.Dense(1, name="d")), own_loss, Y,
     ("d", "linear", 1, None, None, None)),
    (Softmax, "sparse_categorical_crossentropy", CLASSES,
     (None, "softmax", 3, "sparse_categorical_crossentropy", False, None)),
]  # fmt: skip


@pytest.mark.parametrize(("build", "loss", "y", "expected"), OUTPUTS)
def test_facts_of_an_output(build, loss, y, expected):
    model = build()
    if not model.built:
        model(X)
    _, output = output_of(model, loss, y)
    keys = ("layer", "activation", "units", "loss", "from_logits", "dropout")
    assert tuple(output[key] for key in keys) == expected


def test_facts_of_the_rest_of_the_model():
    model = sequential(
        L.Dense(8, "relu", name="a"), L.Dropout(0.5, name="drop"),
        L.Dense(2, name="b"), L.LeakyReLU(), L.Dense(1, name="last"),
    )  # fmt: skip
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    metrics = ["mae", keras.metrics.RootMeanSquaredError(name="error")]
    facts, _ = output_of(model, optimizer=optimizer, metrics=metrics)
    assert facts["hidden"] == [
        {"layer": "a", "activation": "relu", "units": 8},
        {"layer": "b", "activation": "leaky_relu", "units": 2},
    ]
    assert facts["dropout"] == {"drop": 0.5}
    assert facts["metrics"] == ["mae", "error"]


def test_lambdas_are_no_trouble_and_a_failure_is_noted(monkeypatch):
    model = sequential(L.Dense(1))
    loss, metric = (lambda y, p: (y - p) ** 2 for _ in range(2))
    history = recorded(model, loss=loss, metrics=[metric])
    assert history["model"]["metrics"] == ["<lambda>"]

    def fail(*_):
        raise RuntimeError("on purpose")

    monkeypatch.setattr("deepxor.monitor.model_facts.named_rows", fail)
    history = recorded(sequential(L.Dense(1)))
    assert history["model"] == {} and "on purpose" in history["notes"]["model"]
    assert np.isfinite(history["norm"]).all() and np.isfinite(history["skill"]).all()
