"""Checks what no checksum tells: that a checkpoint says what a training can have said.

A checkpoint that somebody has made has the right checksum, and may hold anything.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping

import keras
import numpy as np

from deepxor.events.reader import PATTERN
from deepxor.events.written import WrittenFile
from deepxor.runs.array_file import ArrayFileError
from deepxor.verdicts import by_name
from deepxor.xor.config import Experiment

# The names of the variables of every Keras optimizer that no gradient changes.
_ITERATIONS, _LEARNING_RATE = "iteration", "learning_rate"

# The longest name of a layer or a verdict, and number of a step.
MAX_LETTERS = 40


def seconds(value: object) -> float:
    """Returns a time in seconds.

    Args:
        value: The time, from JSON.

    Raises:
        ArrayFileError: If it is not finite or negative.
    """
    if not isinstance(value, float) or not 0 <= value < math.inf:
        raise _odd("elapsed", value)
    return value


def files(value: object) -> tuple[WrittenFile, ...]:
    """Returns what was written of event files.

    Args:
        value: The names, sizes and checksums, from JSON.

    Raises:
        ArrayFileError: If there are none, one is not that of an event file in the run's
            folder, or they are not in the order in which readers take them.
    """
    if not isinstance(value, list) or not value or not all(map(_is_file, value)):
        raise _odd("files", value)
    found = tuple(WrittenFile(*each) for each in value)
    names = [file.name for file in found]
    if names != sorted({*names}):
        raise _odd("files", value)
    return found


def _is_file(value: object) -> bool:
    match value:
        case [str(name), int(size), int(checksum)]:
            is_name = fnmatch.fnmatchcase(name, PATTERN) and name.isprintable()
            is_number = type(size) is int and type(checksum) is int
            return is_name and is_number and not {*"/\\"} & {*name} and size >= 0
    return False


def texts(value: object, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns arrays of texts.

    Args:
        value: The texts by name, from JSON.
        like: Arrays by name of the lengths that are wanted.

    Raises:
        ArrayFileError: If there are others, or one is too long.
    """
    if not isinstance(value, dict) or value.keys() != like.keys():
        raise _odd("texts", value)
    for name, found in value.items():
        is_right = isinstance(found, list) and len(found) == len(like[name])
        if not is_right or not all(map(_is_short, found)):
            raise _odd(name, found)
    return {name: np.array(found, np.str_) for name, found in value.items()}


def _is_short(text: object) -> bool:
    # An array gives every text the room of the longest.
    return isinstance(text, str) and len(text) <= MAX_LETTERS


def check_optimizer(
    values: Mapping[str, np.ndarray], own: Mapping[str, keras.Variable], num_steps: int
) -> int:
    """Checks the variables of an optimizer that no gradient changes.

    Args:
        values: The values of the variables by name.
        own: The variables of a new model by the same names.
        num_steps: The number of steps of the whole training.

    Returns:
        The number of steps that have been taken.

    Raises:
        ArrayFileError: If the training cannot have come to them.
    """
    found = {
        variable.name: (values[name], variable.numpy())
        for name, variable in own.items()
        if name.startswith("optimizer/")
    }
    rate, own_rate = found[_LEARNING_RATE]
    if rate != own_rate:
        raise _odd(_LEARNING_RATE, rate)
    steps, _ = found[_ITERATIONS]
    if not 0 <= steps < num_steps:  # there is no checkpoint after the last one
        raise _odd(_ITERATIONS, steps)
    return int(steps)


def check_monitor(
    state: Mapping[str, np.ndarray], experiment: Experiment, num_steps: int
) -> None:
    """Checks the state of a monitor.

    Args:
        state: The state, of the right types, and shapes but for the numbers of rows.
        experiment: The settings of the run.
        num_steps: The number of steps that have been taken.

    Raises:
        ArrayFileError: If the training cannot have come to it.
    """
    layers = list(experiment.layer_names)
    if state["layer"].tolist() != layers:
        raise _odd("layer", state["layer"])
    for name in ("step", "recent_step"):
        # The steps rise from 0 at the least to the last at the most.
        if (np.diff([-1, *state[name].tolist(), num_steps]) < 1).any():
            raise _odd(name, state[name])
    others = {"recent", "recent_step", "first", "counts", "layer", "first_bad", "fault"}
    records = len(state["step"])
    rows = {name: records for name in state if name not in others}
    rows["recent"] = len(state["recent_step"])
    for name, count in rows.items():
        if len(state[name]) != count:
            raise ArrayFileError(f"{name!r} has {len(state[name])} rows of {count}")
    if (state["counts"] < 0).any():
        raise _odd("counts", state["counts"].min())
    bad_step, bad_layer = state["first_bad"].tolist()
    if bad_layer not in ("", *layers) or not _is_step(bad_step, num_steps):
        raise _odd("first_bad", state["first_bad"])
    verdict, step = state["fault"].tolist()
    if verdict not in ("", *by_name()) or not _is_step(step, num_steps):
        raise _odd("fault", state["fault"])


def _is_step(text: str, num_steps: int) -> bool:
    """Returns whether a text is the number of a step, or -1 for none."""
    return text == "-1" or (
        re.fullmatch(r"[0-9]{1,10}", text) is not None and int(text) < num_steps
    )


def _odd(name: str, value: object) -> ArrayFileError:
    shown = " ".join(str(value).split())
    return ArrayFileError(f"{name} {shown[:60]!r}")
