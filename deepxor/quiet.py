"""Imports TensorFlow without its log lines; no imports of ours."""

from __future__ import annotations

import os
import sys
import tempfile


def load_tensorflow(threads: int = 1) -> None:
    """Imports TensorFlow without its log lines, and by default on one thread.

    Errors stay visible. TensorFlow writes some lines before it reads its log level, and
    calls it an error if it finds no GPU. These lines are held back, and shown only if
    the import fails.

    Args:
        threads: The number of threads that work on one operation; 0 for one a core.
            `xor.network.blocks.thread_count` says how many suit replicas.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the networks of replicas need it
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.list_logical_devices()
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
