"""A process of its own for what is measured, and TensorFlow as it is loaded there."""

from __future__ import annotations

import multiprocessing
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from deepxor import quiet

T = TypeVar("T")


def in_new_process(function: Callable[[], T]) -> T:
    """Returns what a function returns in a new process.

    Args:
        function: A function that can be pickled. The new process imports its module,
            which should import TensorFlow only by `load_tensorflow`.

    Returns:
        The function's result.
    """
    # The process is not forked: TensorFlow's threads do not survive that.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function).result()


def load_tensorflow(threads: int = 1) -> None:
    """Imports TensorFlow and silences its warnings.

    Args:
        threads: The number of threads that work at the same time; 0 for one a core.
    """
    quiet.load_tensorflow(threads)
    import tensorflow as tf

    # It warns of functions that are traced often, as those of so many models are.
    tf.get_logger().setLevel("ERROR")


def output_of(command: Sequence[str], stderr: int | None = None) -> str:
    """Returns what a command prints on standard output.

    Args:
        command: The program and its arguments.
        stderr: As `subprocess.run` takes it.

    Returns:
        The text.

    Raises:
        subprocess.CalledProcessError: If the command fails.
    """
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, stderr=stderr
    ).stdout
