"""The choice of an engine by settings."""

from __future__ import annotations

from deepxor.checks import refuse
from deepxor.sweeps.engines.cluster import Dask
from deepxor.sweeps.engines.pool import Engine
from deepxor.sweeps.engines.processes import Processes


def choose_engine(jobs: int | None, dask: str | None) -> Engine:
    """Returns the engine that settings ask for.

    Args:
        jobs: The number of processes; None for one a core.
        dask: The address of a Dask scheduler, or "local"; None for processes.

    Raises:
        ValueError: If `jobs` is below 1, or both are given.
    """
    if dask is None:
        return Processes(jobs)
    if jobs is not None:
        refuse("jobs", jobs, "left out with a Dask scheduler, whose workers train")
    return Dask(dask)
