"""The step of deepxor, which trains networks side by side; loads no TensorFlow."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from deepxor.xor.config import Experiment
from deepxor.xor.network.blocks import thread_count
from scripts.benchmarks.speed.lecture import LEARNING_RATE, LOG_EVERY
from scripts.benchmarks.speed.timing.clock import Clock
from scripts.benchmarks.speed.timing.process import in_new_process, load_tensorflow
from scripts.benchmarks.speed.timing.sample import Sample


def measure_deepxor(replicas: int, steps: int) -> Sample:
    """Measures networks side by side, while every step's norms are recorded.

    Args:
        replicas: The number of networks.
        steps: The number of steps, of which the first is not timed.

    Returns:
        The measurement.
    """
    import keras

    from deepxor.xor.monitor.callback import ReplicaMonitor
    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    keras.utils.clear_session()
    experiment = Experiment(
        network="lecture",
        activation="sigmoid",
        learning_rate=LEARNING_RATE,
        num_steps=steps,
        log_every=LOG_EVERY,
        replicas=replicas,
    )
    clock = Clock()
    monitor = ReplicaMonitor(every=LOG_EVERY)
    fit(build(experiment), experiment, [monitor, clock.callback()])
    # The first batch is the one step of the first record.
    return Sample(clock.batches / (steps - 1) / replicas * 1e6)


def measure_deepxor_alone(replicas: int, steps: int) -> Sample:
    """Measures as `measure_deepxor` does, in a new process.

    Args:
        replicas: The number of networks.
        steps: The number of steps, of which the first is not timed.

    Returns:
        The measurement, with the process's peak of memory as the remark.
    """
    return in_new_process(partial(_deepxor_and_peak, replicas, steps))


def _deepxor_and_peak(replicas: int, steps: int) -> Sample:
    load_tensorflow(thread_count(replicas))
    sample = measure_deepxor(replicas, steps)
    # Not getrusage: its ru_maxrss starts from what the parent process took.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return Sample(sample.microseconds, f"peak memory {int(kilobytes) / 2**20:.2f} GiB")
