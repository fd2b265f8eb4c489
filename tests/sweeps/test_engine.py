"""Processes that train chunks: as many as one likes, and some of them killed."""

import contextlib
import os
import subprocess
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from deepxor.runs.folder import RunError
from deepxor.sweeps import worker
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.engines.pool import Pool
from deepxor.sweeps.engines.processes import Processes
from deepxor.sweeps.run import run_sweep
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks import TASKS
from deepxor.sweeps.training import train_chunks
from tests.sweeps.toy import ToyTask, results, toy_rows, toy_sweep

SWEEP = Sweep(
    TASKS["xor"],
    (Axis("depth", (1, 2)), Axis("learning_rate", (0.1, 1.0))),
    2,
    {"width": 4, "activation": "tanh", "num_steps": 30},
)


def children():
    lines = subprocess.run(
        ["ps", "-o", "stat=,args=", "--ppid", str(os.getpid())],
        capture_output=True, text=True, check=False,
    ).stdout.splitlines()  # fmt: skip
    return [line for line in lines if "spawn_main" in line and line[0] != "Z"]


def test_one_process_or_two_train_to_the_same_bits():
    ones, twos = (
        [row for _, rows in train_chunks(SWEEP.task, SWEEP.chunks, Processes(n))
         for row in rows]
        for n in (1, 2)
    )  # fmt: skip
    assert len(ones) == SWEEP.count and not any(row["error"] for row in ones)
    assert results(ones) == results(twos)
    assert children() == []


def test_a_process_that_is_killed_is_replaced_and_no_row_comes_twice(tmp_path):
    task = ToyTask(width=5, what="kill", log=str(tmp_path / "log"), times=1)
    sweep = toy_sweep(task)
    rows = run_sweep(sweep, tmp_path / "sweep", Processes(2))
    assert (tmp_path / "log.deaths").read_text() == "x"
    plain = toy_sweep()
    assert results(rows) == results(
        row for chunk in plain.chunks for row in toy_rows(plain, chunk)
    )


def test_a_chunk_that_ends_its_process_each_time_ends_in_one_line(tmp_path):
    task = ToyTask(width=5, what="kill", log=str(tmp_path / "log"))
    sweep = toy_sweep(task)
    with pytest.raises(RunError, match="ended again and again") as raised:
        run_sweep(sweep, tmp_path / "sweep", Processes(1))
    assert "\n" not in str(raised.value)
    assert (tmp_path / "log.deaths").read_text() == 9 * "x"
    assert children() == []
    # The folder can be used again.
    assert len(run_sweep(toy_sweep(), tmp_path / "other", Processes(1))) == 18


@pytest.mark.parametrize("widths", [(7, 5, 6, 8, 9), (5, 6, 8, 9, 7)])
def test_a_chunk_that_ends_its_process_has_a_reason_and_the_others_go_on(
    tmp_path, widths
):
    """Whether it is the first to be trained or the last."""
    task = ToyTask(width=7, what="kill", log=str(tmp_path / "log"))
    sweep = Sweep(task, (Axis("width", widths),), 1)
    rows = run_sweep(sweep, tmp_path / "sweep", Processes(1))
    (bad,) = (chunk for chunk in sweep.chunks if widths.index(7) in chunk.cells)
    assert len(rows) == 5 and len(bad.cells) < 5
    for row in rows:
        has_failed = row["error"].startswith("LostProcessError: BrokenProcessPool")
        assert has_failed == (row["cell"] in bad.cells)
        assert has_failed or not row["error"]


class Fragile:
    """An engine without processes, in which chunks end theirs now and then.

    Args:
        deaths: How often each chunk still ends its process, by number.
    """

    loss = "lost"

    def __init__(self, deaths):
        self._deaths = deaths
        self.sizes = []

    @contextlib.contextmanager
    def pool(self, most):
        self.sizes.append(most)
        yield Pool(self._submit, lambda: False)

    def _submit(self, train, chunks):
        futures = {}
        for chunk in chunks:
            future = Future()
            futures[future] = chunk
            if self._deaths.get(chunk.number, 0) > 0:
                self._deaths[chunk.number] -= 1
                future.set_exception(BrokenProcessPool("ended"))
            else:
                future.set_result(train(chunk))
        return futures


def test_losses_here_and_there_do_not_add_up(monkeypatch):
    monkeypatch.setattr(worker, "prepare", lambda threads: None)
    sweep = toy_sweep(replicas=20)
    engine = Fragile({chunk.number: 1 for chunk in sweep.chunks})
    trained = list(train_chunks(sweep.task, sweep.chunks, engine))
    assert sorted(c.number for c, _ in trained) == list(range(len(sweep.chunks)))
    assert not any(row["error"] for _, rows in trained for row in rows)
    # All that are left are begun together, however often a process has ended.
    assert engine.sizes[0] == len(sweep.chunks) >= 30
    assert engine.sizes == sorted(engine.sizes, reverse=True)


def test_a_chunk_that_is_lost_each_time_is_given_up_and_no_other(monkeypatch):
    monkeypatch.setattr(worker, "prepare", lambda threads: None)
    sweep = toy_sweep(replicas=20)
    engine = Fragile({0: 99, 7: 2})
    trained = dict(
        (chunk.number, rows)
        for chunk, rows in train_chunks(sweep.task, sweep.chunks, engine)
    )
    assert sorted(trained) == list(range(len(sweep.chunks)))
    failed = [n for n, rows in trained.items() if any(r["error"] for r in rows)]
    assert failed == [0]


class FullError(OSError):
    pass


def test_an_error_of_whoever_takes_the_rows_ends_the_processes_at_once(tmp_path):
    """As on a full disk; else the pool would train all there is at Python's end."""
    sweep = toy_sweep(ToyTask(width=5, what="sleep"), replicas=40)

    def fail(folder):
        if folder.rows:
            raise FullError

    with pytest.raises(FullError) as raised:
        run_sweep(sweep, tmp_path / "sweep", Processes(2), fail)
    assert raised.value.__traceback__ is not None  # which keeps the frames alive
    assert children() == []


@pytest.mark.parametrize("jobs", [0, -3])
def test_there_is_at_least_one_process(jobs):
    with pytest.raises(
        ValueError, match=f"`jobs` must be at least 1. Received: jobs={jobs}"
    ):
        Processes(jobs)


@pytest.mark.parametrize("delay", [0.05, 0.3])
def test_processes_take_no_interrupt_even_while_they_start(delay):
    code = (
        "import os, signal, sys, threading\n"
        "from deepxor.sweeps.engines.processes import Processes\n"
        "from deepxor.sweeps.training import train_chunks\n"
        "from tests.sweeps.toy import ToyTask, toy_sweep\n"
        "if __name__ == '__main__':\n"
        "    kill = lambda: os.killpg(0, signal.SIGINT)\n"
        "    threading.Timer(float(sys.argv[1]), kill).start()\n"
        "    sweep = toy_sweep(ToyTask(width=5, what='sleep'), replicas=40)\n"
        "    try:\n"
        "        list(train_chunks(sweep.task, sweep.chunks, Processes(2)))\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(delay)],
        capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)
