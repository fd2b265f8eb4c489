"""What a process does with a chunk, and with a cell in it that fails."""

import subprocess
import sys

import pytest

from deepxor.runs.folder import RunError
from deepxor.sweeps import worker
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.sweep import Sweep
from deepxor.version import __version__
from tests.sweeps.toy import ToyTask, results, toy_sweep

CHUNK = toy_sweep(replicas=2).chunks[0]  # of the widths 5 and 6


@pytest.fixture(autouse=True)
def prepared(monkeypatch):
    """Leaves TensorFlow alone, which this process may use with all its threads."""
    monkeypatch.setattr(worker, "prepare", lambda threads: None)


def train(task):
    return worker.train_chunk(task, CHUNK, __version__)


def test_rows_are_the_networks_and_their_results():
    rows = train(ToyTask())
    assert [(row["cell"], row["replica"]) for row in rows] == [
        (4, 0), (5, 0), (4, 1), (5, 1)
    ]  # fmt: skip
    assert [row["cost"] for row in rows] == [1 / 3, 1 / 3, 1 / 4, 1 / 4]
    assert all(row["error"] == "" and row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("raise", 'ArithmeticError: no "kernel", no bias, too: �[31m�'),
        ("memory", "MemoryError: "),
    ],
)
def test_a_cell_that_fails_does_not_take_the_others_along(what, reason):
    rows = train(ToyTask(width=6, what=what))
    assert results(rows[::2]) == results(train(ToyTask())[::2])
    assert rows[1::2] == [
        {"cell": 5, "replica": replica, "seconds": 0.0, "error": reason}
        for replica in (0, 1)
    ]


def test_a_chunk_of_one_cell_is_tried_once(tmp_path):
    log = tmp_path / "log"
    task = ToyTask(width=5, log=str(log))
    axes = (Axis("depth", (1, 2, 3)), Axis("width", (5,)))
    chunk = Sweep(task, axes, 4).chunks[0]
    assert set(chunk.cells) == {2} and chunk.size == 4
    rows = worker.train_chunk(task, chunk, __version__)
    assert all(row["error"] for row in rows) and len(rows) == 4
    assert len(log.read_text().splitlines()) == 4


def test_fewer_networks_are_filled_up_and_the_rest_is_dropped(tmp_path):
    log = tmp_path / "log"
    task = ToyTask(log=str(log))
    chunk = toy_sweep(task, replicas=7).chunks[3]
    rows = worker.train_chunk(task, chunk, __version__)
    assert (len(rows), chunk.size) == (2, 4)
    assert len(log.read_text().splitlines()) == 4


def test_a_reason_is_short():
    (row, *_) = worker.failed_rows(CHUNK, ValueError("x" * 10_000), [0])
    assert row["error"] == f"ValueError: {'x' * 500}"


def test_another_version_trains_nothing():
    with pytest.raises(worker.UnfitWorkerError, match=r"0\.0\.1: install the same"):
        worker.train_chunk(ToyTask(), CHUNK, "0.0.1")


def test_a_process_that_uses_tensorflow_with_more_threads_trains_nothing():
    """Its sums would be others, and a reason in the rows would stay for good."""
    code = (
        "import tensorflow as tf; tf.constant(1)\n"
        "from deepxor.sweeps.worker import UnfitWorkerError, prepare\n"
        "try: prepare(1)\n"
        "except UnfitWorkerError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("has used TensorFlow before")


@pytest.mark.parametrize("kind", [ImportError, OSError, RunError])
def test_what_is_the_machines_fault_is_no_result_of_a_network(kind, monkeypatch):
    def fail(*_):
        raise kind("no such\npackage")

    monkeypatch.setattr(ToyTask, "train", fail)
    wanted = f"cannot train: {kind.__name__}: no such package"
    with pytest.raises(worker.UnfitWorkerError, match=wanted):
        train(ToyTask())


def test_nor_is_it_where_each_cell_is_trained_alone(monkeypatch):
    """The chunk fails as a network's fault, and then the disk is full."""
    errors = iter([ArithmeticError("no"), OSError("full")])

    def fail(*_):
        raise next(errors)

    monkeypatch.setattr(ToyTask, "train", fail)
    with pytest.raises(worker.UnfitWorkerError, match="cannot train: OSError: full"):
        train(ToyTask())
