"""The rules, on histories made by hand and on models whose fault is plain.

How good they are on models of many kinds is measured by scripts/diagnosis.
"""

import keras
import numpy as np
import pytest

import deepxor
from deepxor import verdicts
from deepxor.diagnosis.diagnosis import diagnose
from deepxor.diagnosis.evidence import Evidence
from deepxor.diagnosis.exploding import ADVICE_DATA
from deepxor.diagnosis.rules import ADVICE_IN_TIME
from deepxor.diagnosis.vanishing import ADVICE_NOTHING_ARRIVES
from deepxor.facts import OUTPUT_FACTS

# No warning comes from judging, of NumPy's or of anybody's.
pytestmark = pytest.mark.filterwarnings("error")

RECORDS = 30
LAYERS = ["first", "second", "output"]


def history(**changes):
    """Returns a history of a model that learns, but for what is changed.

    Args:
        **changes: By quantity, values that broadcast to [records, layers], or to
            [records] for the loss and the global norm.
    """
    shape = (RECORDS, len(LAYERS))
    usual = {
        "norm": 0.1, "mean_abs": 1e-3, "max_abs": 1e-2, "zero_fraction": 0,
        "non_finite": 0, "weight_norm": 1, "update_ratio": 1e-3, "dead_fraction": 0.1,
        "saturated_fraction": 0.3, "time_ratio": np.nan,
    }  # fmt: skip
    result = {
        name: np.broadcast_to(np.asarray(changes.get(name, value), np.float32), shape)
        for name, value in usual.items()
    }
    for name, value in {
        "loss": np.geomspace(1, 0.01, RECORDS),
        "global_norm": 1,
        "skill": np.nan,
    }.items():
        result[name] = np.broadcast_to(
            np.asarray(changes.get(name, value), float), RECORDS
        )
    return {
        **result,
        "step": np.arange(RECORDS) * 10,
        "layer": LAYERS,
        "first_bad": changes.get("first_bad"),
        "loss_seen": np.full(RECORDS, changes.get("loss_seen", True)),
    }


FLAT = {"loss": 0.69}
VANISHED = {"norm": [1e-6, 1e-3, 1e-1]}
AMPLIFIED = {"norm": [1e3, 1e1, 1e-1]}
SATURATES = np.where((np.arange(RECORDS) < 2)[:, None], 0.3, [0.95, 0.9, np.nan])
# Until step 100 one thing, then another.
EARLY = (np.arange(RECORDS) < 10)[:, None]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "healthy"),
        (FLAT, "healthy"),
        # Converged, or resumed from a good model: small gradients, and a flat loss.
        ({"loss": 1e-3, "norm": 1e-5, "update_ratio": 1e-6}, "healthy"),
        ({"loss": np.linspace(1e-3, 4e-3, RECORDS), "update_ratio": 1e-5}, "healthy"),
        # Targets of tiny scale.
        ({"loss": np.geomspace(1e-8, 1e-10, RECORDS), "norm": 1e-8}, "healthy"),
        (FLAT | VANISHED, "vanishing"),
        (VANISHED, "healthy"),  # it learns nevertheless
        # The last layer's bias has learned the mean, and nothing else has been.
        ({"loss": [1.0] * 5 + [0.1] * 25, "norm": [1e-7, 1e-3, 1]}, "vanishing"),
        # A warm-up that recovers.
        ({**FLAT, "norm": np.where(EARLY, VANISHED["norm"], 0.1)}, "healthy"),
        ({**FLAT, "dead_fraction": [1, 0.1, np.nan], "norm": [0, 0, 1]}, "dead"),
        ({**FLAT, "dead_fraction": [0.8, 0.8, np.nan]}, "healthy"),
        ({**FLAT, "dead_fraction": np.where(EARLY, 1.0, 0.2)}, "healthy"),
        # One branch of several is dead, and the model learns with the others.
        ({"dead_fraction": [0, 1, np.nan]}, "healthy"),
        ({**FLAT, "saturated_fraction": [0.95, 0.3, np.nan]}, "saturated"),
        # A ReLU is flat where it is silent.
        ({**FLAT, "saturated_fraction": 0.85, "dead_fraction": 0.85}, "healthy"),
        ({"saturated_fraction": [0.95, 0.3, np.nan]}, "healthy"),
        ({"loss": np.geomspace(1, 1e9, RECORDS), "update_ratio": 0.1}, "exploding"),
        ({**FLAT, "update_ratio": 2.0}, "exploding"),
        ({"update_ratio": 2.0}, "healthy"),
        ({"norm": np.nan, "non_finite": 5, "loss": np.nan}, "exploding"),
        ({"loss": np.nan}, "exploding"),
        # It grows on its way back, and then the units saturate.
        (FLAT | AMPLIFIED, "exploding"),
        (FLAT | AMPLIFIED | {"saturated_fraction": SATURATES}, "exploding"),
        (FLAT | AMPLIFIED | {"saturated_fraction": [0.95, 0.3, np.nan]}, "saturated"),
        (AMPLIFIED, "healthy"),  # it learns nevertheless
        ({**FLAT, "norm": np.where(EARLY, 0.1, AMPLIFIED["norm"])}, "healthy"),
        # One batch in the middle overflowed.
        ({"non_finite": (np.arange(RECORDS) == 9)[:, None]}, "healthy"),
    ],
)  # fmt: skip
def test_verdicts(changes, verdict):
    found = diagnose(history(**changes))
    assert found.verdict == verdict
    remedies = [cause.remedy for cause in found.causes[:1]]
    assert found.advice in (remedies or (verdicts.advice(verdict), ADVICE_DATA))
    assert (found.layer is None) == (verdict == "healthy" or "norm" not in changes) or (
        found.layer in LAYERS
    )


FORGETS = {"time_ratio": [1e-6, np.nan, np.nan]}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        (FLAT | FORGETS, "vanishing"),
        (FORGETS, "healthy"),  # it learns nevertheless
        ({**FORGETS, "loss": [0.7] * 10 + [0.6] * 20}, "healthy"),  # or has, a little
        # Another layer remembers.
        ({**FLAT, "time_ratio": [1e-6, 0.1, np.nan]}, "healthy"),
        ({**FLAT, "time_ratio": np.where(EARLY, 1e-6, 0.1)}, "healthy"),
        ({**FLAT, "time_ratio": np.where(EARLY, 0.1, 1e-6)}, "vanishing"),
        # Measured now and then.
        ({**FLAT, "time_ratio": np.where(np.eye(RECORDS, 3, -25), 0, np.nan)},
         "vanishing"),
        # One that was good before, and goes on.
        ({**FLAT, **FORGETS, "skill": np.where(EARLY[:, 0], np.nan, 0.9)}, "healthy"),
        ({**FLAT, **FORGETS, "skill": 0.1}, "vanishing"),
        # A rate of next to nothing: nobody could expect the loss to move.
        ({**FLAT, **FORGETS, "update_ratio": 1e-5}, "healthy"),
    ],
)  # fmt: skip
def test_verdicts_on_recurrent_layers(changes, verdict):
    found = diagnose(history(**changes))
    assert found.verdict == verdict
    if verdict == "vanishing":
        assert found.layer == "first" and found.advice == ADVICE_IN_TIME
        assert "lost from the last step" in found.evidence


def test_evidence_is_in_numbers():
    found = diagnose(history(**FLAT, **VANISHED))
    assert found.layer == "first"
    assert "first gets 1.0e-06, output 1.0e-01: 5.0 decades" in found.evidence
    assert "the loss went from 0.69 to 0.69" in found.evidence


def test_a_fit_that_ended_at_once_where_the_loss_was_nan_is_exploding():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e30), "mse")
    monitor = deepxor.GradientMonitor(every=100)
    x = np.random.default_rng(0).normal(size=(64, 2))
    nan = keras.callbacks.TerminateOnNaN()
    model.fit(x, x[:, :1], 8, epochs=200, verbose=0, callbacks=[monitor, nan])
    assert monitor.history["regular"].sum() == 1
    assert monitor.diagnosis.verdict == "exploding"
    step, _ = monitor.history["first_bad"]
    assert 0 < step < 8 and f"since step {step}" in monitor.diagnosis.evidence


def test_the_first_bad_step_and_layer_are_named():
    bad = np.where(np.arange(RECORDS)[:, None] >= 20, 5, 0)
    found = diagnose(
        history(non_finite=bad, first_bad=(193, "second"), global_norm=[3.0] * RECORDS)
    )
    assert found.verdict == "exploding" and found.layer == "second"
    assert "since step 193 after 3.0e+00 at most" in found.evidence


def test_a_few_records_are_judged_by_nan_alone():
    few = history(**FLAT, **VANISHED)
    for name, values in few.items():
        few[name] = values if name in ("layer", "first_bad") else values[:2]
    found = diagnose(few)
    assert (
        found.verdict == "undecided" and "2 records, and it takes 3" in found.evidence
    )
    few["non_finite"] = np.ones((2, 3))
    assert diagnose(few).verdict == "exploding"


def test_it_prints_as_a_few_readable_lines():
    lines = str(diagnose(history(**FLAT, **VANISHED))).splitlines()
    assert lines[0] == "vanishing at first" and len(lines) == 3


def nothing():
    return {"norm": 0.0, "zero_fraction": 1.0, "mean_abs": 0.0, "max_abs": 0.0}


@pytest.mark.parametrize(
    ("changes", "verdict", "says"),
    [
        # All gradients are exactly zero: never healthy.
        ({**FLAT, **nothing()}, "dead", "Every gradient is exactly zero"),
        (nothing(), "undecided", "Every gradient is exactly zero"),
        # Not seen is not zero.
        ({"norm": np.nan, "non_finite": np.nan}, "undecided", "No gradient was seen"),
        # One layer is not seen; the others say what they say.
        ({"norm": [np.nan, 0.1, 0.1]}, "healthy", "second"),
        ({**FLAT, "norm": [np.nan, 1e-6, 0.1]}, "vanishing", "second gets 1.0e-06"),
        ({**FLAT, "norm": [0, 1e-3, 0.1]}, "vanishing", "all of it is lost"),
        # Loss that nobody reports: unknown, and not NaN.
        ({"loss": np.nan, "loss_seen": False}, "healthy", "the loss is not known"),
        (
            {**VANISHED, "loss": np.nan, "loss_seen": False},
            "undecided", "Perhaps vanishing: first gets 1.0e-06",
        ),
        # Weights of zero, which a step changes.
        (
            {**FLAT, "update_ratio": [np.inf, 0.1, 0.1], "weight_norm": 0.0},
            "exploding", "whose weights were all zero",
        ),
        # A first batch unlike all others.
        ({"loss": [1e-9] + [0.7] * 29}, "healthy", "0.7"),
        ({**FLAT, "loss": [90] + [0.7] * 29, **VANISHED}, "vanishing", "0.7"),
    ],
)  # fmt: skip
def test_verdicts_at_the_edges(changes, verdict, says):
    found = diagnose(history(**changes))
    assert (found.verdict, says in found.evidence) == (verdict, True), found
    assert "inf " not in str(found) and "nan" not in str(found)


def test_of_zero_gradients_the_advice_is_of_the_loss():
    assert diagnose(history(**FLAT, **nothing())).advice == ADVICE_NOTHING_ARRIVES


def test_nan_that_came_at_once_points_to_the_data():
    bad = np.where(np.arange(RECORDS)[:, None] >= 20, 5, 0)
    calm = {"non_finite": bad, "first_bad": (193, "second"), "loss": 0.7}
    found = diagnose(history(**calm))
    assert found.advice == ADVICE_DATA and "at once" in found.evidence
    growing = np.geomspace(1, 1e9, RECORDS)
    found = diagnose(history(**{**calm, "global_norm": growing}))
    assert found.advice == verdicts.advice("exploding")
    found = diagnose(history(**{**calm, "update_ratio": 3.0}))
    assert [cause.name for cause in found.causes] == ["learning_rate_high"]


def test_the_window_is_of_steps_and_not_of_records():
    whole = history(loss=0.69, norm=np.where(EARLY, 0.1, VANISHED["norm"]))
    thin = dict(whole)
    keep = [*range(0, 15, 4), *range(15, RECORDS)]
    for name, values in whole.items():
        if name not in ("layer", "first_bad"):
            thin[name] = values[keep]
    assert diagnose(thin) == diagnose(whole)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_an_output_without_a_known_skill_makes_the_models_unknown(order):
    facts = {fact.name: np.full((RECORDS, 2), np.nan) for fact in OUTPUT_FACTS}
    facts["prediction_loss"][:, 0], facts["constant_loss"][:, 0] = 0.1, 1.0
    facts["output_samples"][:] = 32
    columns = {name: values[:, order] for name, values in facts.items()}
    found = diagnose({**history(), "output": ["a", "b"], **columns})
    assert found.verdict == "healthy" and "is not known" in found.evidence


def test_a_loss_that_falls_in_a_straight_line_is_falling():
    falling = Evidence(history(loss=64.0 - np.arange(RECORDS)))
    assert falling.slope == -np.inf
    assert Evidence(history(loss=0.5)).slope == 0


def test_what_is_not_known_is_said():
    notes = {"norm": "the gradients of d_opt are not seen"}
    found = diagnose({**history(norm=np.nan, non_finite=np.nan), "notes": notes})
    assert "d_opt" in found.evidence


RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 8)).astype(np.float32)
Y = np.sin(X[:, :1] * 2) * X[:, 1:2]


def network(activation, depth=2, **options):
    hidden = [
        keras.layers.Dense(16, activation, name=f"layer{i + 1}", **options)
        for i in range(depth)
    ]
    return keras.Sequential(
        [keras.Input((8,)), *hidden, keras.layers.Dense(1, name="output")]
    )


def tanh(deviation, depth):
    normal = keras.initializers.RandomNormal(stddev=deviation)
    return network("tanh", depth, kernel_initializer=normal)


def dead():
    return network("relu", bias_initializer=keras.initializers.Constant(-20.0))


@pytest.mark.parametrize(
    ("build", "rate", "scale", "verdict"),
    [
        (lambda: network("relu", kernel_initializer="he_normal"), 0.05, 1, "healthy"),
        # The weights are far too large for these targets.
        (lambda: network("tanh"), 0.05, 1e-4, "not_learning"),
        (lambda: network("sigmoid", depth=10), 0.05, 1, "vanishing"),
        (lambda: tanh(1e-3, depth=5), 0.02, 1, "vanishing"),
        (dead, 0.05, 1, "dead"),
        (lambda: tanh(30.0, depth=2), 0.05, 1, "saturated"),
        (lambda: network("relu"), 1e3, 1, "exploding"),
    ],
)
def test_models_whose_fault_is_plain(build, rate, scale, verdict):
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse")
    monitor = deepxor.GradientMonitor(every=5)
    model.fit(X, Y * scale, batch_size=32, epochs=20, verbose=0, callbacks=[monitor])
    found = monitor.diagnosis
    assert found.verdict == verdict, found
    if verdict == "healthy":
        assert "the predictions beat a constant by a skill of 0." in found.evidence
    if verdict == "not_learning":
        assert found.causes[0].name == "target_scale"


@pytest.mark.parametrize(
    ("layer", "verdict"),
    [
        (lambda: keras.layers.SimpleRNN(12, "sigmoid", name="rnn"), "vanishing"),
        (
            lambda: keras.layers.SimpleRNN(
                12, "relu", recurrent_initializer="identity", name="rnn"
            ),
            "healthy",
        ),
    ],
)
def test_a_recurrent_model_that_forgets_what_came_first(layer, verdict):
    keras.utils.set_random_seed(0)
    x = np.zeros((256, 12, 1), np.float32)
    x[:, 0] = np.random.default_rng(0).choice([-1, 1], (256, 1))
    model = keras.Sequential(
        [keras.Input((12, 1)), layer(), keras.layers.Dense(1, "sigmoid", name="output")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    monitor = deepxor.GradientMonitor(every=5)
    model.fit(x, x[:, 0] > 0, batch_size=32, epochs=20, verbose=0, callbacks=[monitor])
    assert monitor.diagnosis.verdict == verdict, monitor.diagnosis
    if verdict == "vanishing":
        assert monitor.diagnosis.layer == "rnn"


def test_a_nan_in_the_data_is_named_as_such():
    keras.utils.set_random_seed(0)
    x = X.copy()
    x[200, 3] = np.nan
    model = network("relu")
    model.compile(keras.optimizers.SGD(0.01), "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(
        X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0, callbacks=[monitor]
    )
    model.fit(
        x, Y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[monitor]
    )
    found = monitor.diagnosis
    assert found.verdict == "exploding" and found.advice == ADVICE_DATA, found
    assert monitor.history["first_bad"][0] == 16 + 200 // 16
    assert "step 28" in found.evidence and "at once" in found.evidence


def test_a_rate_that_is_too_large_is_not_blamed_on_the_data():
    keras.utils.set_random_seed(0)
    model = network("relu", depth=4)
    model.compile(keras.optimizers.SGD(50.0), "mse")
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(X, Y, batch_size=16, epochs=3, verbose=0, callbacks=[monitor])
    found = monitor.diagnosis
    assert found.verdict == "exploding", found
    assert [cause.name for cause in found.causes] == ["learning_rate_high"]
