"""Trains a trial of the table, with the gradient monitor on it."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb

from deepxor.events.writer import SummaryWriter
from deepxor.monitor.callback import GradientMonitor
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import KERAS_INITIALIZERS
from deepxor.nn.lsuv import lsuv
from deepxor.runs.folder import RunError
from deepxor.vision.augment import augmented
from deepxor.vision.config import DISTRIBUTIONS, MIRRORED, Recipe, Trial
from deepxor.vision.datasets import Pictures, load
from deepxor.vision.models import CONVNETS, build_convnet
from deepxor.vision.optimizers import DecayedSGD

LSUV = "lsuv"

HPARAMS = (
    hparams.HParam("network", hparams.Discrete(list(CONVNETS))),
    hparams.HParam("activation", hparams.Discrete(list(ACTIVATIONS))),
    hparams.HParam("initializer", hparams.Discrete(list(KERAS_INITIALIZERS))),
    hparams.HParam("seed", hparams.IntInterval(0, 1_000_000)),
)
METRICS = tuple(map(hparams.Metric, ("accuracy/test", "cost/test")))

# The results by the tags of their scalars.
TAGS = {
    "cost": "cost_training",
    "accuracy": "accuracy_training",
    "cost/test": "cost",
    "accuracy/test": "accuracy",
}

# A network has converged if its accuracy is above this many times that of guessing.
CONVERGED = 2


def train_trial(
    trial: Trial,
    folder: Path,
    data_dir: str | None = None,
    distribute: str = DISTRIBUTIONS[0],
) -> dict[str, Any]:
    """Trains a trial and writes its events into its folder.

    Args:
        trial: The settings of the trial.
        folder: The table's folder, in which that of the trial is made. Event files in
            it, which an interrupted training has left, are removed.
        data_dir: The folder of the data set's files; None to download them.
        distribute: One of `DISTRIBUTIONS`, the devices to train on.

    Returns:
        The results by name; NaN for a number that is not finite or not known, and an
        empty text for one that there is not.

    Raises:
        RunError: If the batch size is not a multiple of the number of devices.
        OSError: If the folder cannot be written to.
    """
    pictures = _pictures(trial.dataset, data_dir)
    path = folder / trial.run_name
    for old in path.glob("*.tfevents.*"):
        old.unlink()
    keras.backend.clear_session()
    keras.utils.set_random_seed(trial.seed)
    model = _model(trial, pictures, distribute)
    writer = SummaryWriter(path)
    monitor = GradientMonitor(writer)
    recorder = TrialRecorder(writer, trial)
    devices = model.distribute_strategy.num_replicas_in_sync
    try:
        model.fit(
            training_batches(trial.recipe, pictures, trial.seed),
            epochs=trial.recipe.epochs,
            validation_data=evaluation_batches(trial.recipe, pictures, devices),
            callbacks=[monitor, recorder],
            shuffle=False,  # as the batches are shuffled already
            verbose=0,
        )
    finally:
        writer.close()
    diagnosis, norms = monitor.diagnosis, monitor.history["norm"]
    first, last = (norms[0, 0], norms[0, -1]) if len(norms) else (math.nan, math.nan)
    return {
        **recorder.results(pictures.classes),
        "first_gradient": float(first),
        "last_gradient": float(last),
        **{name: text or "" for name, text in diagnosis.texts().items()},
        "cause": diagnosis.causes[0].name if diagnosis.causes else "",
        "parameters": model.count_params(),
    }


class TrialRecorder(keras.callbacks.Callback):
    """Writes the accuracy and cost of every epoch and the row of the HParams tab.

    It ends the training once the cost is not finite.

    It writes these scalars: `accuracy`, the mean accuracy of the training over the
    epoch; `cost/test` and `accuracy/test`, the cost and accuracy on the test pictures
    after the epoch. The monitor writes `cost`.

    Args:
        writer: The writer of the trial's event file.
        trial: The settings of the trial.
    """

    def __init__(self, writer: SummaryWriter, trial: Trial) -> None:
        super().__init__()
        self._writer = writer
        self._trial = trial
        self._last: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the settings for the HParams tab."""
        settings = {param.name: getattr(self._trial, param.name) for param in HPARAMS}
        self._writer.summary(hparams.hparams_config_pb(HPARAMS, METRICS), 0)
        row = hparams.hparams_pb(settings, trial_id=self._trial.run_name)
        self._writer.summary(row, 0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the accuracy and cost of the epoch."""
        logs = logs or {}
        step = int(self.model.optimizer.iterations.numpy()) - 1
        self._last = {
            "cost": logs["loss"],
            "accuracy": logs["accuracy"],
            "cost/test": logs["val_loss"],
            "accuracy/test": logs["val_accuracy"],
        }
        for tag, value in self._last.items():
            if tag != "cost":  # the monitor writes the cost of every batch
                self._writer.scalar(tag, value, step)
        self._writer.write()
        # Keras's own callback for this prints a line across the progress bar.
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes that the training has ended."""
        step = int(self.model.optimizer.iterations.numpy()) - 1
        self._writer.summary(session_end_pb(api_pb2.STATUS_SUCCESS), max(step, 0))

    def results(self, classes: int) -> dict[str, Any]:
        """Returns the results of the last epoch.

        Args:
            classes: The number of classes of the pictures.

        Returns:
            Accuracy and cost on the test pictures and in the training, NaN if not
            finite; and "converged", 1 if the accuracy on the test pictures is above
            `CONVERGED` times that of guessing, else 0.
        """
        last = {name: self._last.get(name, math.nan) for name in TAGS}
        is_finite = all(map(math.isfinite, last.values()))
        converged = is_finite and last["accuracy/test"] > CONVERGED / classes
        numbers = {
            TAGS[tag]: value if math.isfinite(value) else math.nan
            for tag, value in last.items()
        }
        return {**numbers, "converged": int(converged)}


def training_batches(recipe: Recipe, pictures: Pictures, seed: int) -> tf.data.Dataset:
    """Returns the training pictures in batches, shuffled anew in every epoch.

    Args:
        recipe: The recipe, which has the batch size and says whether to augment.
        pictures: The set of pictures.
        seed: The seed of the order and of the mirrors and crops.

    Returns:
        A data set of pairs (pictures, labels).
    """
    pairs = tf.data.Dataset.from_tensor_slices((pictures.x_train, pictures.y_train))
    batches = pairs.shuffle(len(pictures.x_train), seed=seed).batch(recipe.batch_size)
    if recipe.augment:
        batches = augmented(batches, seed)
    return batches.prefetch(2)


def evaluation_batches(
    recipe: Recipe, pictures: Pictures, devices: int = 1
) -> tf.data.Dataset:
    """Returns the test pictures in batches.

    Args:
        recipe: The recipe, whose batch size is the largest one.
        pictures: The set of pictures.
        devices: The number of devices that share a batch. Keras cannot begin with a
            batch that does not divide evenly among them, nor end with one of fewer
            pictures than devices. So for several devices there are at least two
            batches of nearly the same size.

    Returns:
        A data set of pairs (pictures, labels).
    """
    count = len(pictures.x_test)
    batches = max(math.ceil(count / recipe.batch_size), min(devices, 2))
    size = math.ceil(count / batches / devices) * devices
    pairs = tf.data.Dataset.from_tensor_slices((pictures.x_test, pictures.y_test))
    return pairs.batch(size)


def schedule(
    recipe: Recipe, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the schedule of the learning rate.

    Args:
        recipe: The recipe, which has the learning rate and the milestones.
        steps: The number of steps of an epoch.
    """
    boundaries = [milestone * steps for milestone in recipe.milestones]
    rates = [recipe.learning_rate / 10**number for number in range(len(boundaries) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)


def _model(trial: Trial, pictures: Pictures, distribute: str) -> keras.Model:
    """Returns the compiled model of a trial with its initial weights."""
    recipe, strategy = trial.recipe, _strategy(distribute)
    if recipe.batch_size % strategy.num_replicas_in_sync:
        raise RunError(
            f"`batch_size` must be a multiple of the {strategy.num_replicas_in_sync} "
            f"devices. Received: batch_size={recipe.batch_size}"
        )
    with strategy.scope():
        model = build_convnet(
            trial.network,
            pictures.x_train.shape[1:],
            pictures.classes,
            trial.activation,
            trial.initializer,
            scale=recipe.scale,
            dropout=recipe.dropout,
            seed=trial.seed,
        )
        if trial.initializer == LSUV:
            rng = np.random.default_rng(trial.seed)
            count = min(recipe.batch_size, len(pictures.x_train))
            chosen = rng.choice(len(pictures.x_train), count, replace=False)
            lsuv(model, pictures.x_train[chosen], seed=trial.seed)
        steps = math.ceil(len(pictures.x_train) / recipe.batch_size)
        rate = schedule(recipe, steps)
        model.compile(
            DecayedSGD(rate, recipe.momentum, recipe.weight_decay),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        )
        # The momentum's variables are made here, and the metric is an object and not a
        # name, as variables made while Keras traces the step would have it trace again.
        model.optimizer.build(model.trainable_variables)
    return model


def _strategy(distribute: str) -> tf.distribute.Strategy:
    if distribute != MIRRORED:
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or (
        tf.config.list_logical_devices("CPU")
    )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@functools.lru_cache(maxsize=1)
def _pictures(dataset: str, data_dir: str | None) -> Pictures:
    return load(dataset, data_dir)
