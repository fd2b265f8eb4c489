"""What is recorded of models of many kinds, against a tape on the same batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS
from tests.support.zoo import BATCH, CASES, N, Tape, fit, make

# Of class weights Keras makes sample weights before the step, which is then the same.
NOT_COMPILED = ("recurrent", "class weights")
GRAPH, JIT = {"jit_compile": False}, {"jit_compile": True}
EAGER = {"run_eagerly": True}


def norm(elements):
    return np.linalg.norm(elements.astype(np.float64))


def mean_abs(elements):
    return np.abs(elements).mean() if elements.size else 0


def max_abs(elements):
    return np.abs(elements).max(initial=0)


def zero_fraction(elements):
    return (elements == 0).mean() if elements.size else 1


def check(history, tape, rtol=1e-5, every=1):
    """Compares all that is recorded of gradients and weights with a tape's."""
    assert history["step"].tolist() == list(range(len(tape.losses)))[::every]
    # Sums in another order: a few roundings of the largest element.
    for name, function in {
        "norm": norm,
        "mean_abs": mean_abs,
        "max_abs": max_abs,
    }.items():
        np.testing.assert_allclose(
            history[name], tape.each(function)[::every], rtol=rtol, atol=1e-7,
            err_msg=name,
        )  # fmt: skip
    total = np.sqrt((tape.each(norm) ** 2).sum(axis=1))
    np.testing.assert_allclose(history["global_norm"], total[::every], rtol=rtol)
    np.testing.assert_allclose(history["loss"], tape.losses[::every], rtol=rtol)
    assert (history["non_finite"] == 0).all() and history["first_bad"] is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, JIT) for name in CASES if name not in NOT_COMPILED),
        *((name, GRAPH) for name in CASES),
        ("sequential", EAGER),
        ("recurrent", EAGER),
        ("unused", EAGER),
    ],
)
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.filterwarnings("ignore:.*does not have a `build")
def test_all_is_what_a_tape_measures_and_weights_are_those_without(name, options):
    case = CASES[name]
    bare, model = make(case, **options), make(case, **options)
    monitor, tape = deepxor.GradientMonitor(every=1), Tape(case)
    fit(bare, case)
    fit(model, case, [tape, monitor])
    history = monitor.history
    assert history["layer"] == list(case.layers)
    check(history, tape)
    zeros = tape.each(zero_fraction)
    # XLA may round a sum to exactly zero where the tape does not.
    np.testing.assert_allclose(history["zero_fraction"], zeros, atol=0.02)
    # The tape has touched the moving averages of a BatchNormalization, nothing else.
    for a, b in zip(bare.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", [GRAPH, JIT, {**GRAPH, "steps_per_execution": 3}])
def test_records_in_between_are_those_of_every_step(options):
    case = CASES["sequential"]
    # After step 32 not every step is a record.
    monitor, each = deepxor.GradientMonitor(every=20), deepxor.GradientMonitor(every=1)
    fit(make(case, **options), case, [monitor], epochs=14)
    fit(make(case, **GRAPH), case, [each], epochs=14)
    for name, values in monitor.history.items():
        # Not every record has the last ones, which have tests of their own.
        others = (
            "first_bad", "weight_norm", "update_ratio", "skill", "samples",
            "dead_fraction", "learning_rate", *(f.name for f in OUTPUT_FACTS),
            *(f.name for f in INPUT_FACTS),
        )  # fmt: skip
        if name not in others and isinstance(values, np.ndarray):
            expected = each.history[name][monitor.history["step"]]
            if name != "regular":
                np.testing.assert_allclose(values, expected, rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_update_ratios_are_those_of_the_weights(optimizer):
    case = CASES["sequential"]
    model = make(case, optimizer=optimizer)
    monitor, tape = deepxor.GradientMonitor(every=1), Tape(case)
    for _ in range(2):
        fit(model, case, [tape, monitor])
    history = monitor.history
    seen = np.flatnonzero(np.isfinite(history["update_ratio"][:, 0]))
    assert seen.tolist() == history["step"].tolist() == list(range(12))
    weights = tape.weights
    for step in seen[:-1]:  # the tape has no weights after the last
        for i, name in enumerate(case.layers):
            before, after = weights[step][name], weights[step + 1][name]
            # A difference of two roundings near 1, over an update of some 1e-3.
            expected = norm(after - before) / norm(before)
            assert history["update_ratio"][step, i] == pytest.approx(expected, rel=1e-3)
            assert history["weight_norm"][step, i] == pytest.approx(norm(before))


def batches(case):
    for _ in range(2):
        for start in range(0, N, BATCH):
            yield case.x[start : start + BATCH], case.y[start : start + BATCH]


@pytest.mark.parametrize("source", ["dataset", "generator"])
def test_data_sets_and_generators(source):
    case = CASES["sequential"]
    monitor, tape, model = deepxor.GradientMonitor(every=1), Tape(case), make(case)
    callbacks = [tape, monitor]
    if source == "dataset":
        data = tf.data.Dataset.from_tensor_slices((case.x, case.y)).batch(BATCH)
        model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    else:
        data = batches(case)
        model.fit(
            data, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
    check(monitor.history, tape)


@pytest.mark.parametrize(
    "clipping", [{"clipnorm": 1e-3}, {"clipvalue": 1e-3}, {"global_clipnorm": 1e-3}]
)
def test_norms_are_those_before_clipping(clipping):
    case = CASES["sequential"]
    monitor, tape = deepxor.GradientMonitor(every=1), Tape(case)
    model = make(case, optimizer=keras.optimizers.SGD(0.05, **clipping))
    fit(model, case, [tape, monitor])
    check(monitor.history, tape)


ACCUMULATION = {"gradient_accumulation_steps": 2}
# What can be had with one another, and takes one compilation then.
EXTRAS = (
    {"use_ema": True, "ema_momentum": 0.9},
    {"loss_scale_factor": 64.0},
    {"weight_decay": 0.01},
)


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        *((extra, GRAPH) for extra in (ACCUMULATION, *EXTRAS)),
        (ACCUMULATION, JIT),
        (EXTRAS[0] | EXTRAS[1] | EXTRAS[2], JIT),
    ],
)
def test_what_optimizers_do_besides(extra, options):
    case = CASES["sequential"]
    bare, model = (
        make(case, optimizer=keras.optimizers.SGD(0.05, **extra), **options)
        for _ in range(2)
    )
    monitor, tape = deepxor.GradientMonitor(every=1), Tape(case)
    fit(bare, case)
    fit(model, case, [tape, monitor])
    check(monitor.history, tape)
    for a, b in zip(bare.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", [GRAPH, JIT, {"run_eagerly": True}])
def test_norms_under_mixed_precision_are_unscaled(options):
    case = CASES["sequential"]
    monitor, tape = deepxor.GradientMonitor(every=1), Tape(case)
    sgd = keras.optimizers.SGD(0.05)
    # At its usual scale, 2**15, the first steps may overflow, and are then skipped.
    optimizer = keras.optimizers.LossScaleOptimizer(sgd, initial_scale=128.0)
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = make(case, optimizer=optimizer, **options)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    fit(model, case, [tape, monitor])
    # float16 has three decimal digits.
    np.testing.assert_allclose(monitor.history["norm"], tape.each(norm), rtol=1e-2)
    np.testing.assert_allclose(monitor.history["loss"], tape.losses, rtol=1e-2)


def test_a_model_saved_after_training_is_as_one_without(tmp_path):
    case = CASES["sequential"]
    model = make(case)
    fit(model, case, [deepxor.GradientMonitor(every=1)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    monitor = deepxor.GradientMonitor(every=1)
    fit(loaded, case, [monitor])
    assert monitor.history["step"].tolist() == list(range(6, 12))


def test_a_recompiled_model_is_seen_with_its_new_optimizer():
    case, monitor = CASES["sequential"], deepxor.GradientMonitor(every=1)
    model = make(case)
    fit(model, case, [monitor])
    model.compile("adam", "mse")
    tape = Tape(case)
    fit(model, case, [tape, monitor])
    history = monitor.history
    # The new optimizer counts from 0; the history goes on.
    assert history["step"].tolist() == list(range(12))
    np.testing.assert_allclose(history["norm"][6:], tape.each(norm), rtol=1e-5)
    np.testing.assert_allclose(history["loss"][6:], tape.losses, rtol=1e-5)
