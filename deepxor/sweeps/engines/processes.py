"""The engine of this machine: processes."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator

from deepxor.checks import check_at_least
from deepxor.sweeps.engines.children import core_count, kill_children
from deepxor.sweeps.engines.lanes import Lanes
from deepxor.sweeps.engines.pool import Pool


class Processes:
    """Trains on this machine, in processes of its own.

    Args:
        jobs: The number of processes; None for one a core.

    Raises:
        ValueError: If `jobs` is below 1.
    """

    loss = (
        "a process that trains ended again and again; if it was for lack of memory, "
        "try fewer jobs"
    )

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = core_count() if jobs is None else jobs
        check_at_least("jobs", self.jobs, 1)

    @contextlib.contextmanager
    def pool(self, most: int) -> Iterator[Pool]:
        """Yields a pool of processes, which end with this one."""
        # Processes are spawned, as TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())
        lanes = Lanes(min(self.jobs, most), context)
        try:
            yield Pool(lanes.submit, lambda: False)
        except BaseException:
            kill_children(others)
            raise
        finally:
            lanes.shutdown()
