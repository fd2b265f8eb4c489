"""A real scheduler of Dask, and workers that are killed in the middle."""

import http.server
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from deepxor.runs.folder import RunError
from deepxor.sweeps import training
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.engines import cluster as engine
from deepxor.sweeps.engines.cluster import Dask
from deepxor.sweeps.engines.processes import Processes
from deepxor.sweeps.folder import SweepFolder
from deepxor.sweeps.run import run_sweep
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks import TASKS
from deepxor.sweeps.training import train_chunks
from tests.sweeps.toy import ToyTask, results, toy_rows, toy_sweep

pytest.importorskip("distributed")

ROOT = Path(__file__).parents[2]
SWEEP = Sweep(
    TASKS["xor"],
    (Axis("depth", (1, 2, 3)), Axis("learning_rate", (0.1, 1.0))),
    2,
    {"width": 4, "activation": "tanh", "num_steps": 30},
)


class Cluster:
    """A scheduler and two workers of two threads each, on this machine."""

    def __init__(self):
        self.processes = []
        self.scheduler = self._start(
            "distributed.cli.dask_scheduler", "--port=0", "--no-dashboard",
            "--dashboard-address=127.0.0.1:0",
        )  # fmt: skip
        lines = iter(self.scheduler.stderr.readline, "")
        found = (re.search(r"Scheduler at:\s+(\S+)", line) for line in lines)
        self.address = next(match[1] for match in found if match)
        self.workers = [self.start_worker() for _ in range(2)]

    def start_worker(self):
        return self._start(
            "distributed.cli.dask_worker", self.address, "--nthreads=2", "--no-nanny",
            "--no-dashboard", "--death-timeout=20",
        )  # fmt: skip

    def _start(self, module, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--host=127.0.0.1"],
            stderr=subprocess.PIPE if "scheduler" in module else subprocess.DEVNULL,
            text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.processes.append(process)
        return process

    def end(self):
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.end()


@pytest.fixture(autouse=True)
def quick(monkeypatch, capfd):
    """Waits for a second only, and lets nothing be written to the console."""
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(training, "CHECK_SECONDS", 0.2)
    yield
    assert tuple(capfd.readouterr()) == ("", "")


def test_with_a_worker_killed_in_the_middle_the_bits_are_those_of_one_process(
    cluster, monkeypatch
):
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 60.0)  # the cluster is starting
    alone = [
        row
        for _, rows in train_chunks(SWEEP.task, SWEEP.chunks, Processes(1))
        for row in rows
    ]
    rows = []
    for _, new in train_chunks(SWEEP.task, SWEEP.chunks, Dask(cluster.address)):
        if not rows:
            cluster.workers[0].kill()
            cluster.workers[0] = cluster.start_worker()
        rows += new
    assert not any(row["error"] for row in rows)
    assert results(rows) == results(alone)
    again = train_chunks(SWEEP.task, SWEEP.chunks, Dask(cluster.address))
    assert results(row for _, rows in again for row in rows) == results(alone)


def test_a_worker_of_two_threads_does_one_chunk_at_a_time(cluster, tmp_path):
    log = tmp_path / "log"
    task = ToyTask(width=5, what="sleep", log=str(log), is_light=False)
    sweep = toy_sweep(task)
    rows = [
        row
        for _, new in train_chunks(task, sweep.chunks, Dask(cluster.address))
        for row in new
    ]
    plain = toy_sweep()
    wanted = [row for chunk in plain.chunks for row in toy_rows(plain, chunk)]
    assert results(rows) == results(wanted)
    # Each chunk of width 5 sleeps for a second after its lines.
    begins = {}
    for line in log.read_text().splitlines():
        process, _, width, _, begin = line.split()
        begins.setdefault(process, []).append((float(begin), width))
    for chunks in begins.values():
        times = sorted(set(chunks))
        for (before, width), (after, _) in itertools.pairwise(times):
            assert width != "5" or after - before < 0.1 or after - before >= 1


def test_a_worker_of_another_version_is_one_line(cluster, monkeypatch):
    monkeypatch.setattr(training, "__version__", "0.0.1")
    task = ToyTask(is_light=False)
    with pytest.raises(RunError, match=r"^a worker has deepxor .* begun with 0\.0\.1"):
        list(train_chunks(task, toy_sweep().chunks, Dask(cluster.address)))


def test_without_a_scheduler_what_was_trained_is_kept(tmp_path, monkeypatch):
    cluster = Cluster()
    try:
        task = ToyTask(width=5, what="sleep")
        sweep = toy_sweep(task)

        def kill(folder):
            if folder.rows:
                monkeypatch.setattr(engine, "CONNECT_SECONDS", 1.0)
                cluster.scheduler.kill()

        monkeypatch.setattr(engine, "CONNECT_SECONDS", 60.0)
        with pytest.raises(RunError, match="no Dask scheduler at") as raised:
            run_sweep(sweep, tmp_path / "sweep", Dask(cluster.address), kill)
        assert "\n" not in str(raised.value)
    finally:
        cluster.end()
    with SweepFolder(tmp_path / "sweep", sweep) as folder:
        assert 0 < len(folder.rows) < sweep.count
        assert not any(row["error"] for row in folder.rows)


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_where_no_scheduler_listens_is_one_line():
    silent = socket.create_server(("127.0.0.1", 0))
    web = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    addresses = [
        f"tcp://127.0.0.1:{nobody}",
        f"tcp://127.0.0.1:{silent.getsockname()[1]}",
        f"tcp://127.0.0.1:{web.server_address[1]}",
        "nonsense",
        "",
        "http://127.0.0.1:8787",
        "tls://127.0.0.1:8786",
    ]
    for address in addresses:
        with pytest.raises(RunError) as raised:
            list(train_chunks(ToyTask(), toy_sweep().chunks, Dask(address)))
        message = str(raised.value)
        assert message.startswith(f"no Dask scheduler at {address!r}: ")
        assert "\n" not in message and not message.endswith(": ")
    web.shutdown()
    web.server_close()
    silent.close()


def test_a_local_cluster_listens_on_this_machine_only_and_ends(monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 60.0)
    me = psutil.Process()
    others = set(me.children(recursive=True))
    before = listening(me)
    sweep = toy_sweep(ToyTask(width=5, what="sleep"))
    count, addresses, workers = 0, set(), []
    for _, rows in train_chunks(sweep.task, sweep.chunks, Dask("local")):
        count += len(rows)
        own = set(me.children(recursive=True)) - others
        addresses = set().union(*map(listening, (me, *own))) - before
        # Python's resource tracker lives as long as this process.
        workers = [p for p in own if "spawn_main" in " ".join(p.cmdline())]
    assert count == sweep.count
    assert addresses and {address.ip for address in addresses} == {"127.0.0.1"}
    assert workers and not psutil.wait_procs(workers, timeout=20)[1]


def listening(process):
    """Returns the addresses at which a process takes connections."""
    return {
        connection.laddr
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def test_without_dask_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'deepxor\[dask\]'"):
        list(train_chunks(ToyTask(), toy_sweep().chunks, Dask("local")))
