"""The laboratory's monitor, and the seam by which it looks into the loop."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepxor import statistics
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.callback import GradientMonitor
from deepxor.monitor.measure.gradients import log10_bins
from deepxor.xor.config import Experiment
from deepxor.xor.monitor import observer
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.monitor.observer import (
    BEYOND,
    MAX_SQUARED,
    Observation,
    layer_norms,
)
from deepxor.xor.network.blocks import MAX_IN_BLOCK
from deepxor.xor.network.build import build
from deepxor.xor.train import fit

SMALL = Experiment(hidden_units=(4, 3), replicas=3, num_steps=20, log_every=10)


def assert_same_weights(first, second):
    pairs = zip(first.trainable_variables, second.trainable_variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def take_steps(model, count):
    """Takes some steps in one training batch."""
    steps = tf.data.Dataset.from_tensors(np.int32(count))
    model.fit(steps, shuffle=False, verbose=0)


class Interruption(keras.callbacks.Callback):
    """Raises after the first step."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) > 0:
            raise ValueError("enough")


class SumOfGradients:
    """An observer of the sum of each variable's gradients over a batch's steps."""

    def __init__(self, model):
        self.model = model
        self.traces = 0

    def init(self, replicas):
        self.traces += 1
        return [tf.zeros_like(v.value) for v in self.model.trainable_variables]

    def update(self, i, gradients, kept):
        return [old + gradient for old, gradient in zip(kept, gradients, strict=True)]

    def finalize(self, kept):
        return kept


@pytest.mark.parametrize("replicas", [3, MAX_IN_BLOCK + 1])
def test_an_observer_gets_the_gradients_that_make_the_steps(replicas):
    experiment = dataclasses.replace(SMALL, replicas=replicas, activation="tanh")
    model = build(experiment)
    before = [variable.numpy() for variable in model.trainable_variables]
    observer = SumOfGradients(model)
    model.observers.append(observer)
    fit(model, dataclasses.replace(experiment, num_steps=1))
    assert model.observers == [observer]
    sums = model.latest.kept[observer]
    for old, new, total in zip(before, model.trainable_variables, sums, strict=True):
        # XLA may round product and difference at once.
        step = experiment.learning_rate * total
        np.testing.assert_allclose(new, old - step, rtol=1e-6, atol=1e-8)


def test_the_loop_has_the_observers_of_the_batch():
    model = build(SMALL)
    first, second = SumOfGradients(model), SumOfGradients(model)
    traces = []
    for observers in ([], [first], [first, second], [second], []):
        model.observers[:] = observers
        for _ in range(2):
            take_steps(model, 2)
            assert list(model.latest.kept) == observers
        traces.append((first.traces, second.traces))
    # Once for each set of them, not for each fit.
    assert traces == [(0, 0), (1, 0), (2, 1), (2, 2), (2, 2)]
    undisturbed = build(SMALL)
    take_steps(undisturbed, 20)
    assert_same_weights(model, undisturbed)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("replicas", [1, 3, 2 * MAX_IN_BLOCK + 1])
def test_the_weights_are_bit_for_bit_what_they_are_without(
    tmp_path, optimizer, replicas
):
    experiment = dataclasses.replace(
        SMALL, replicas=replicas, optimizer=optimizer, activation="relu"
    )
    without, watched = build(experiment), build(experiment)
    fit(without, experiment)
    fit(watched, experiment, [ReplicaMonitor(tmp_path, every=10), ReplicaMonitor()])
    assert_same_weights(without, watched)


def test_a_fit_after_an_exception_goes_on_without_and_with_a_monitor(tmp_path):
    model, undisturbed = build(SMALL), build(SMALL)
    fit(undisturbed, SMALL)
    monitor = ReplicaMonitor(tmp_path, every=10)
    with pytest.raises(ValueError, match="enough"):
        fit(model, SMALL, [monitor, Interruption()])
    assert not model.observers
    assert monitor.history["step"].tolist() == [0]
    fit(model, dataclasses.replace(SMALL, num_steps=11))
    assert not model.latest.kept
    fit(model, SMALL, [monitor])
    assert monitor.history["step"].tolist() == [0, *range(11, 20)]
    assert_same_weights(model, undisturbed)
    events = EventAccumulator(str(tmp_path)).Reload()
    tag = f"gradient_norm_log10/{SMALL.layer_names[0]}"
    assert [event.step for event in events.Tensors(tag)] == [0, *range(11, 20)]


def test_two_monitors_see_the_same():
    model = build(SMALL)
    often, seldom = ReplicaMonitor(every=10), ReplicaMonitor(every=20)
    fit(model, dataclasses.replace(SMALL, num_steps=64), [often, seldom])
    early = [*range(33), 38, 45, 54]
    assert often.history["step"].tolist() == sorted({*early, 40, 50, 60, 63})
    assert seldom.history["step"].tolist() == sorted({*early, 40, 60, 63})
    is_shared = np.isin(often.history["step"], seldom.history["step"])
    np.testing.assert_array_equal(
        often.history["norm"][is_shared], seldom.history["norm"]
    )
    assert not model.observers


@pytest.mark.parametrize("replicas", [3, 2 * MAX_IN_BLOCK])
def test_a_monitor_that_cannot_look_into_the_loop_says_so(replicas):
    experiment = Experiment(hidden_units=(2,), replicas=replicas, num_steps=2)
    model = build(experiment)
    for others in ([], [ReplicaMonitor()]):
        for callbacks in itertools.permutations([GradientMonitor(), *others]):
            with pytest.raises(TypeError, match=r"ReplicaNetwork .*ReplicaMonitor"):
                fit(model, experiment, callbacks)
    fit(model, experiment, [ReplicaMonitor()])
    assert int(model.optimizer.iterations) == 2


def test_before_a_fit_there_is_no_record():
    monitor = ReplicaMonitor()
    assert len(monitor.history["step"]) == 0 and monitor.history["first_bad"] is None
    assert monitor.diagnosis.verdict == "undecided"


def test_a_history_is_of_one_training():
    monitor = ReplicaMonitor(every=10)
    for experiment in (SMALL, SMALL, dataclasses.replace(SMALL, replicas=5)):
        fit(build(experiment), experiment, [monitor])
        assert monitor.history["step"].tolist() == list(range(20))
        assert monitor.history["recent"].shape == (3, 3, experiment.replicas)
        assert monitor.history["first"].shape == (3, experiment.replicas)


def test_every_is_checked():
    with pytest.raises(ValueError, match=r"at least 1\. Received: every=0"):
        ReplicaMonitor(every=0)


def test_a_writer_that_was_given_is_left_open(tmp_path):
    writer = SummaryWriter(tmp_path)
    fit(build(SMALL), SMALL, [ReplicaMonitor(writer, every=10)])
    writer.scalar("after", 1.0, 20)
    writer.close()
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()["tensors"]
    assert {"after", f"gradient_norm_log10/{SMALL.layer_names[0]}"} <= set(tags)


def test_histograms_have_every_step_also_of_several_batches(tmp_path, monkeypatch):
    experiment = dataclasses.replace(SMALL, num_steps=21)
    histograms = []
    for steps in (10, 4):  # of a batch
        size = steps * len(experiment.layer_names) * experiment.replicas
        monkeypatch.setattr(observer, "BUFFER_BYTES", size)
        folder = tmp_path / str(steps)
        fit(build(experiment), experiment, [ReplicaMonitor(folder, every=10)])
        events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
        tag = f"gradient_norm_log10_histogram/{experiment.layer_names[0]}"
        histograms.append(
            [tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
        )
    counts = [[rows[:, 2].sum() for rows in records] for records in histograms]
    # At steps 0, 1, 2, 4, 8, 10, 16 and 20, for three replicas.
    assert counts == [[3, 3, 3, 6, 12, 6, 18, 12]] * 2
    for whole, parts in zip(*histograms, strict=True):
        np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("count", range(1, 12))
def test_rows_that_are_used_again_are_put_in_the_order_of_their_steps(count):
    bins = np.zeros((4, 1, 1), np.uint8)
    for step in range(count):
        bins[step % 4] = step
    rows = Observation(bins, None).bins_in_order(count).ravel()
    assert rows.tolist() == list(range(max(0, count - 4), count))


# --- The first gradient that is not finite --------------------------------------------


class NotFinite(keras.callbacks.Callback):
    """Recomputes every step's gradients, outside of the loop.

    Attributes:
        found: Maps each step to where there is one that is not finite, bool [layers].
    """

    def __init__(self):
        super().__init__()
        self.found = {}

    def on_train_batch_begin(self, batch, logs=None):
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model.forward(tf.constant(self.model.x))[-1]
            loss = tf.reduce_sum(self.model.replica_cost(logits))
        bad = [not np.isfinite(g).all() for g in tape.gradient(loss, weights)]
        step = int(self.model.optimizer.iterations)
        self.found[step] = np.logical_or(bad[::2], bad[1::2])

    def first(self, layers):
        step = next((step for step, bad in self.found.items() if bad.any()), None)
        if step is None:
            return None
        return step, layers[np.flatnonzero(self.found[step])[-1]]


DIVERGING = (
    {"activation": "relu", "learning_rate": 1e3, "hidden_units": (8,) * 6},
    {"activation": "elu", "learning_rate": 1e6},
    {"activation": "maxout", "learning_rate": 1e3},
    {"activation": "elu", "learning_rate": 10.0, "hidden_units": (8,) * 6},
    {"activation": "tanh", "learning_rate": 1e3},
)


@pytest.mark.parametrize("settings", DIVERGING)
def test_the_first_bad_gradient_is_that_of_all_steps(tmp_path, settings):
    experiment = dataclasses.replace(
        SMALL, **{"replicas": 6, "log_every": 1, **settings}
    )
    recomputed, exact = NotFinite(), ReplicaMonitor(every=1)
    fit(build(experiment), experiment, [recomputed, exact])
    expected = recomputed.first(experiment.layer_names)
    assert (expected is None) == (experiment.activation == "tanh")
    history = exact.history
    assert history["first_bad"] == expected
    bad_records = np.flatnonzero(history["non_finite"].any(axis=1))
    assert list(bad_records[:1]) == ([] if expected is None else [expected[0]])

    seldom = dataclasses.replace(experiment, log_every=50)
    monitors = [ReplicaMonitor(every=50), ReplicaMonitor(tmp_path, every=50)]
    fit(build(seldom), seldom, monitors)
    for monitor in monitors:
        assert monitor.history["step"].tolist() == list(range(experiment.num_steps))
        assert monitor.history["first_bad"] == expected


def test_the_first_bad_gradient_stays_the_first(tmp_path):
    experiment = dataclasses.replace(SMALL, activation="relu")
    model = build(experiment)
    monitor = ReplicaMonitor(tmp_path, every=10)
    fit(model, dataclasses.replace(experiment, num_steps=12), [monitor])
    assert monitor.history["first_bad"] is None
    kernel = model.stack[1].kernel.numpy()
    kernel[0, 0, 1] = np.nan
    model.stack[1].kernel.assign(kernel)
    fit(model, experiment, [monitor])
    assert monitor.history["first_bad"] == (12, "hypothesis")
    later = ReplicaMonitor(every=10)
    later.restore(monitor.state())
    longer = dataclasses.replace(experiment, num_steps=30)
    fit(model, longer, [later])
    assert later.history["first_bad"] == (12, "hypothesis")
    assert later.history["step"].tolist() == list(range(30))
    assert later.history["recent"].shape == (6, 3, 3)
    np.testing.assert_array_equal(later.history["first"], monitor.history["first"])


def test_the_norms_of_all_steps_are_those_of_numpy():
    # Layers of odd and of even numbers of units, and the single one of the output.
    rng = np.random.default_rng(0)
    units = (2, 10, 7, 3, 1)
    kernels = [rng.normal(size=(*pair, 6)) for pair in itertools.pairwise(units)]
    biases = [rng.normal(size=kernel.shape[1:]) for kernel in kernels]
    expected = [
        np.sqrt((kernel**2).sum(axis=(0, 1)) + (bias**2).sum(axis=0))
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    np.testing.assert_allclose(norms_of(kernels, biases), expected, rtol=1e-12)


def norms_of(kernels, biases):
    """Returns the compiled loop's norms."""
    compiled = tf.function(layer_norms, jit_compile=True)
    return compiled(*([tf.constant(x) for x in each] for each in (kernels, biases)))


def test_norms_are_finite_where_the_gradient_is_and_count_in_the_right_bin():
    sizes = np.float32(
        [0, 1e-20, 1e-13, 2e-12, 1e-3, 1, 9e5, 2e6, 7e16, 8e16, 1e25, 3e38]
    )
    bad = np.float32([np.inf, -np.inf, np.nan])
    kernels = np.broadcast_to(np.concatenate([sizes, bad]), (16, 16, 15)).copy()
    kernels[::2] *= -1
    norms = norms_of([kernels], [kernels[0]])
    found = log10_bins(norms)[0].numpy()
    exact = np.sqrt(np.square(kernels, dtype=np.float64).sum(axis=(0, 1)) * 17 / 16)
    edges = statistics.LOG10_EDGES
    logs = np.log10(np.maximum(exact[: len(sizes)], 10.0 ** edges[0]))
    expected = np.clip(np.searchsorted(edges, logs, "right") - 1, 0, len(edges) - 2)
    np.testing.assert_array_equal(found[: len(sizes)], expected)
    np.testing.assert_array_equal(found[len(sizes) :], len(edges) - 1)
    assert 10.0 ** (2 * edges[-1]) <= MAX_SQUARED * BEYOND
