"""Imports TensorFlow without its log lines; no imports of ours."""

from __future__ import annotations

import os
import sys
from typing import Any


def load_tensorflow(threads: int = 1) -> None:
    """Imports TensorFlow without its log lines, and by default on one thread.

    TensorFlow writes some lines before it reads its log level, and calls it an error if
    it finds no GPU. These lines are dropped.

    Args:
        threads: The number of threads that work on one operation; 0 for one a core.
            `xor.network.blocks.thread_count` says how many suit replicas.

    Raises:
        ImportError: If it cannot be imported.
        MemoryError: If there is too little memory for it.
        RuntimeError: If it is in use with another number of threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the networks of replicas need it
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        tf = _imported()
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.list_logical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def _imported() -> Any:
    try:
        import tensorflow as tf
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of any kind, where memory ends in the midst of it
        reason = f"{type(error).__name__}: {error}"
        raise ImportError(f"tensorflow: {reason}") from error
    return tf
