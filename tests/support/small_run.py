"""A run of a second, how to stop it, and what is compared of two."""

import math
import os
import signal

import keras
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import deepxor
from deepxor.events.reader import event_files


def small(**settings):
    defaults = {"activation": "relu", "num_steps": 301, "log_every": 50, "replicas": 8}
    return deepxor.Experiment(**{**defaults, **settings})


def events_of(run_dir):
    """Returns all that a run's files say, but for times and the names in the graph.

    Keras counts its functions in a process, so the graph's names tell a second run; and
    what a series is stands at its first value in each file.
    """
    ignored = ("_hparams_", "__run_graph__")
    events = []
    for path in event_files(run_dir):
        for event in EventFileLoader(os.fspath(path)).Load():
            for value in event.summary.value:
                if not value.tag.startswith(ignored):
                    value.ClearField("metadata")
                    events.append((event.step, value.tag, value.SerializeToString()))
    return events


def comparable(results):
    return {key: value for key, value in results.items() if key != "seconds"}


class StopAfter(keras.callbacks.Callback):
    """Sends SIGINT once a number of steps has been taken."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= self.steps:
            self.steps = math.inf
            signal.raise_signal(signal.SIGINT)
