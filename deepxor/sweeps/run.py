"""Runs a sweep: from its axes to the table of its cells."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from deepxor.checks import check_choice, check_local_folder, refuse
from deepxor.runs.folder import RunError
from deepxor.sweeps.axis import Axis, is_geometric
from deepxor.sweeps.cells import Cells
from deepxor.sweeps.engines.choice import choose_engine
from deepxor.sweeps.engines.pool import Engine
from deepxor.sweeps.folder import SweepFolder
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks import TASKS
from deepxor.sweeps.training import train_chunks
from deepxor.sweeps.worker import Row
from deepxor.version import __version__

DEFAULT_REPLICAS = 10

# A function of the sweep's folder, which is called before the training and after each
# chunk.
Watch = Callable[[SweepFolder], None]


def run_sweep(
    sweep: Sweep,
    path: Path,
    engine: Engine,
    watch: Watch | None = None,
) -> list[Row]:
    """Trains the networks of a sweep that have not been trained yet.

    Args:
        sweep: The sweep.
        path: The folder of the sweep, which is made if it does not exist.
        engine: Where the networks are trained.
        watch: A function that is called before the training and after each chunk.

    Returns:
        The rows of all networks.

    Raises:
        RunError: If the folder or the engine cannot be used.
        OSError: If a file cannot be written; what has been trained is kept.
        KeyboardInterrupt: If Ctrl-C ended it; what has been trained is kept.
    """
    with SweepFolder(path, sweep) as folder:
        if watch is not None:
            watch(folder)
        left = [chunk for chunk in sweep.chunks if chunk.number not in folder.done]
        if left and folder.rows and folder.version != __version__:
            raise RunError(
                f"{path} was begun with deepxor {folder.version}, and this is "
                f"{__version__}: install that version, or choose another folder"
            )
        if left:
            # An error here closes the training, too, whose processes would go on.
            with contextlib.closing(train_chunks(sweep.task, left, engine)) as trained:
                for chunk, rows in trained:
                    folder.append(chunk, rows)
                    if watch is not None:
                        watch(folder)
        return folder.rows


def sweep(
    axes: Mapping[str, Iterable[Any]],
    *,
    task: str = "xor",
    replicas: int = DEFAULT_REPLICAS,
    jobs: int | None = None,
    dask: str | None = None,
    folder: str | Path | None = None,
    **settings: Any,
) -> Any:
    """Trains networks over one or two axes of settings, and tables how they end.

    Networks are trained in processes of their own. So a script that calls the function
    must do so below `if __name__ == "__main__":`, as `multiprocessing` asks for.

    Args:
        axes: The values of one or two settings by name, as in
            {"depth": range(2, 31, 2), "weight_variance": [1, 2, 4]}.
        task: The task, a key of `sweeps.tasks.TASKS`: "xor" or "digits".
        replicas: The number of networks in each cell.
        jobs: The number of processes; None for one a core.
        dask: The address of a Dask scheduler, or "local", in place of the processes.
        folder: The folder in which the networks are kept, so that the same call goes
            on where an earlier one was stopped; None to keep nothing.
        **settings: The other settings, as `deepxor.Experiment` takes them.

    Returns:
        The table of the cells, a row each, as `sweeps.cells.Cells.table` describes it:
        a pandas.DataFrame if pandas is installed, else a NumPy record array.

    Raises:
        ValueError: If a setting or an axis is wrong, or `folder` is elsewhere.
        RunError: If the folder or the engine cannot be used.
    """
    check_choice("task", task, TASKS)
    named = [axis_of(name, values) for name, values in axes.items()]
    engine = choose_engine(jobs, dask)
    description = Sweep(TASKS[task], tuple(named), replicas, settings)
    if folder is not None:
        check_local_folder("folder", folder)
        rows = run_sweep(description, Path(folder), engine)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            rows = run_sweep(description, Path(scratch) / "sweep", engine)
    return to_table(description.cells(rows))


def axis_of(name: str, values: Iterable[Any]) -> Axis:
    """Returns the axis of a setting and values, which may be NumPy's.

    Args:
        name: The name of the setting.
        values: The values.

    Raises:
        ValueError: If the values make no axis.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        refuse(f"axis {name}", values, "a list of values")
    plain = tuple(value.item() if hasattr(value, "item") else value for value in values)
    return Axis(name, plain, is_geometric(plain))


def to_table(cells: Cells) -> Any:
    """Returns the table of cells as pandas.DataFrame, or as it is without pandas.

    Args:
        cells: The cells.
    """
    try:
        import pandas
    except ImportError:
        return cells.table
    return pandas.DataFrame.from_records(cells.table)
