"""The sweep's command, from outside."""

import csv
import io
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

import deepxor
from deepxor.verdicts import VERDICTS

AXES = ["--axis=depth=1:2:1", "--axis=weight_variance=0.5,4"]
SETTINGS = ["--width=4", "--activation=tanh", "--num_steps=30", "--replicas=3"]
SWEEP = [*AXES, *SETTINGS]
COUNT = 12
# Chunks of several sizes, each a few hundred milliseconds, so that a kill meets one.
LONG = [
    "--axis=depth=1:4:1", "--axis=learning_rate=0.01,1", "--width=3", "--replicas=5",
    "--num_steps=2001", "--jobs=2", "--hparams_logdir=",
]  # fmt: skip


def command(*arguments):
    return [sys.executable, "-m", "deepxor.sweep", *map(str, arguments)]


def sweep(*arguments, **options):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, **options
    )


def folder_of(logdir):
    (folder,) = logdir.iterdir()
    return folder


def table_of(folder, name="networks.csv"):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(rows):
    """Returns rows that are equal if the trainings were, in the networks' order."""
    found = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    return sorted(found, key=lambda row: (int(row["cell"]), int(row["replica"])))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The logdir of a sweep and what the command printed."""
    logdir = tmp_path_factory.mktemp("sweep") / "logdir"
    done = sweep(*SWEEP, f"--logdir={logdir}")
    assert (done.returncode, done.stderr) == (0, "")
    return logdir, done.stdout


def test_it_prints_how_the_networks_ended_and_where_the_map_is(trained):
    logdir, printed = trained
    folder = folder_of(logdir)
    first, files, rows, *next_step = printed.splitlines()
    networks = table_of(folder)
    solved = np.mean([int(row["solved"]) for row in networks])
    assert first.startswith(f"{COUNT} networks in 4 cells: solved {solved:.3f}; ")
    for verdict in VERDICTS:
        count = sum(row["verdict"] == verdict.name for row in networks)
        assert (f" {verdict.name} {count}" in first) == (count > 0)
    assert files == f"Map: {folder / 'map.html'}, {folder / 'cells.csv'}"
    assert f"{logdir}-hparams/{folder.name}" in rows and "HParams" in rows
    assert next_step[0] == f"Next: tensorboard --logdir {logdir}"
    assert "\x1b" not in printed


def test_its_files_say_the_same(trained):
    folder = folder_of(trained[0])
    networks, cells = (
        pandas.read_csv(folder / "networks.csv"),
        table_of(folder, "cells.csv"),
    )
    assert len(networks) == COUNT and len(cells) == 4
    for number, cell in enumerate(cells):
        own = networks[networks["cell"] == number]
        assert int(cell["networks"]) == len(own) == 3
        assert float(cell["score"]) == pytest.approx(own["solved"].mean())
        assert float(cell["cost"]) == pytest.approx(own["cost"].median())
        assert [float(cell["weight_variance"])] * 3 == own["weight_variance"].tolist()
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (folder / "map.svg").read_bytes()
    assert "<html" in (folder / "map.html").read_text()
    assert not list(folder.glob("*.part"))


def test_the_map_is_a_picture_of_the_one_run_in_the_logdir(trained):
    logdir, _ = trained
    runs = EventMultiplexer().AddRunsFromDirectory(os.fspath(logdir)).Reload().Runs()
    assert list(runs) == [folder_of(logdir).name]
    events = EventAccumulator(os.fspath(folder_of(logdir))).Reload()
    assert events.Tags()["tensors"] == ["map"]
    (event,) = events.Tensors("map")
    assert event.step == COUNT
    assert event.tensor_proto.string_val[2].startswith(b"\x89PNG")


def test_the_same_command_trains_nothing_and_prints_the_same(trained):
    logdir, printed = trained
    folder = folder_of(logdir)

    def stamps():
        names = ("networks.csv", "*.tfevents.*")
        return {p: p.stat().st_mtime_ns for name in names for p in folder.glob(name)}

    before = stamps()
    # A process of its own would be one too many.
    code = (
        "import multiprocessing.process, runpy, sys\n"
        "def start(self): raise AssertionError('a process')\n"
        "multiprocessing.process.BaseProcess.start = start\n"
        "sys.argv = ['deepxor/sweep.py', *sys.argv[1:]]\n"
        "try: runpy.run_module('deepxor.sweep', run_name='__main__')\n"
        "finally: assert 'tensorflow' not in sys.modules\n"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, *SWEEP, f"--logdir={logdir}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (again.returncode, again.stderr, again.stdout) == (0, "", printed)
    assert stamps() == before


def test_from_python_the_numbers_are_those_of_the_command(trained, tmp_path):
    """With pandas and without it, in a process as a script has it."""
    code = (
        "import sys, pickle, deepxor\n"
        "axes = {'depth': range(1, 3), 'weight_variance': [0.5, 4]}\n"
        "settings = dict(width=4, activation='tanh', num_steps=30, replicas=3)\n"
        "if __name__ == '__main__':\n"
        "    for _ in range(2):\n"
        "        table = deepxor.sweep(axes, jobs=1, folder=sys.argv[1], **settings)\n"
        "        sys.stdout.buffer.write(pickle.dumps(table))\n"
        "        sys.modules['pandas'] = None\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "folder"], capture_output=True, check=True
    )
    written = io.BytesIO(done.stdout)
    frame, array = pickle.load(written), pickle.load(written)
    assert isinstance(frame, pandas.DataFrame) and isinstance(array, np.recarray)
    assert list(frame.columns) == list(array.dtype.names)
    cells = pandas.read_csv(folder_of(trained[0]) / "cells.csv")
    assert list(frame.columns) == list(cells.columns) and len(frame) == 4
    for name in set(cells.columns) - {"seconds", "error", "verdict"}:
        np.testing.assert_array_equal(frame[name].astype(float), cells[name])
        np.testing.assert_array_equal(array[name].astype(float), cells[name])
    assert frame["verdict"].tolist() == cells["verdict"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": {}}, "one or two axes"),
        ({"axes": {"seed": []}}, "at least one value"),
        ({"axes": {"seed": [1]}, "task": "mnist"}, "`task` must be one of xor"),
        ({"axes": {"seed": [1]}, "jobs": 0}, "`jobs` must be at least 1"),
        ({"axes": {"seed": [1]}, "jobs": 1, "dask": "local"}, "`jobs` must be left"),
        ({"axes": {"seed": [1]}, "batch_size": 3}, "Settings of the task"),
        ({"axes": {"seed": np.arange(3)}, "seed": 3}, "must not be an axis and given"),
    ],
)
def test_from_python_a_wrong_argument_is_a_value_error(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        deepxor.sweep(**arguments, folder=tmp_path / "folder")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("", "one or two axes. Received: 0"),
        ("--axis=dpeth=1:2:1", "`axis` must be one of depth, width"),
        ("--axis=seed=2:1:1", "Range is empty"),
        ("--axis=seed=1:2", "NAME=START:END:STEP"),
        ("--axis=seed=", "must be at least one value"),
        ("--axis=seed=1,1", "must have each value once"),
        ("--axis=seed=1 --axis=seed=2", "different settings. Received: seed twice"),
        ("--axis=seed=1 --axis=bits=2 --axis=width=2", "axes. Received: 3"),
        ("--axis=seed=1 --seed=2", "must not be an axis and given, too"),
        ("--axis=depth=1,0 --width=2", "Cell depth=0: `depth` must be an integer"),
        ("--axis=depth=1,2", "Cell depth=1: `depth` and `width` must be given"),
        ("--axis=activation=relu,swishy", "Cell activation=swishy: `activation` must"),
        (
            "--axis=learning_rate=0.1,-1",
            "Cell learning_rate=-1.0: `learning_rate` must",
        ),
        ("--axis=seed=1 --replicas=0", "`replicas` must be an integer of at least 1"),
        ("--axis=seed=1 --jobs=0", "`jobs` must be at least 1"),
        ("--axis=seed=1 --jobs=1 --dask=local", "`jobs` must be left out with a Dask"),
        ("--axis=seed=1 --task=mnist", "`--task` must be one of xor"),
        ("--axis=seed=1 --hidden_units=5,x", "`hidden_units` must be integers"),
        ("--axis=seed=1 --run_name=../up", "`run_name` must be up to 200 letters"),
        ("--axis=seed=1 relu", "Arguments must be flags"),
    ],
)
def test_a_wrong_flag_is_one_line_without_tensorflow(tmp_path, flags, words):
    done = sweep(*flags.split(), f"--logdir={tmp_path / 'logdir'}")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("deepxor.sweep: ") and words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def finished(path):
    """Returns the number of networks in a file that may not be there yet."""
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def processes(group):
    states = subprocess.run(
        ["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split() for line in states.splitlines()]
    return [state for found, state in lines if int(found) == group and state[0] != "Z"]


def start(*arguments):
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def ended(process):
    """Waits until no process of a group is left; returns status and outputs."""
    printed, errors = process.communicate(timeout=60)
    end = time.monotonic() + 60
    while processes(process.pid):
        assert time.monotonic() < end
        time.sleep(0.05)
    return process.returncode, printed, errors


def test_killed_at_random_it_ends_as_if_undisturbed(tmp_path):
    undisturbed = sweep(*LONG, f"--logdir={tmp_path / 'whole'}")
    assert undisturbed.returncode == 0
    path = tmp_path / "killed" / folder_of(tmp_path / "whole").name / "networks.csv"
    before = 0
    kills = [
        (signal.SIGKILL, -9, False), (signal.SIGINT, 130, True),
        (signal.SIGKILL, -9, False), (signal.SIGTERM, 143, False),
        (signal.SIGKILL, -9, False), (signal.SIGKILL, -9, False),
    ]  # fmt: skip
    for number, status, to_group in kills:
        process = start(*LONG, f"--logdir={path.parents[1]}")
        # A kill while it starts, or once it has trained something new. Python itself
        # is no sooner ready for the other signals.
        seconds = random.uniform(0.5, 6) if number == signal.SIGKILL else 60
        end = time.monotonic() + seconds
        while time.monotonic() < end and finished(path) == before:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        if process.poll() is None:
            (os.killpg if to_group else os.kill)(process.pid, number)
        returned, _, errors = ended(process)
        assert returned in (status, 0) and "Traceback" not in errors
        assert finished(path) >= before
        before = finished(path)
    again = sweep(*LONG, f"--logdir={path.parents[1]}")
    assert (again.returncode, again.stderr) == (0, "")
    rows, whole = table_of(path.parent), table_of(folder_of(tmp_path / "whole"))
    assert without_seconds(rows) == without_seconds(whole)
    assert len({(row["cell"], row["replica"]) for row in rows}) == len(rows) == 40
    # However it was killed, TensorBoard has the map.
    assert len(list(path.parent.glob("*.tfevents.*"))) == 1


def test_a_full_disk_is_one_line_and_ends_at_once(tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    flags = ["--axis=seed=0:19:1", "--replicas=2000", "--num_steps=101", "--jobs=1"]
    done = sweep(*flags, f"--logdir={tmp_path}", preexec_fn=limit, timeout=120)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "networks.csv: File too large" in done.stderr
    (path,) = tmp_path.glob("*/networks.csv")
    assert path.read_text().count("\n") == 1  # the columns


@pytest.fixture(scope="module")
def on_terminal(tmp_path_factory):
    """What a terminal shows of a sweep, and of the same one that is quiet."""
    logdir = tmp_path_factory.mktemp("terminal")
    return [_shown(*SWEEP, f"--logdir={logdir}", *more) for more in ([], ["--quiet"])]


def _shown(*arguments):
    main, other = os.openpty()
    process = subprocess.Popen(
        command(*arguments), stdout=other, stderr=other, close_fds=True
    )
    os.close(other)
    printed = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux's end of a terminal whose other side is closed
            break
        printed += part
    os.close(main)
    assert process.wait() == 0
    return printed


def test_there_is_a_bar_on_a_terminal(on_terminal):
    printed, _ = on_terminal
    assert b"loading TensorFlow" in printed and b"left" in printed
    assert f"{COUNT} of {COUNT} networks".encode() in printed
    assert b"100 %" in printed and b"Traceback" not in printed
    assert b"cuda" not in printed.lower()


def test_quiet_prints_nothing(on_terminal):
    assert on_terminal[1] == b""


def test_a_folder_in_use_or_of_something_else_is_one_line(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    done = sweep(*SWEEP, f"--logdir={tmp_path}", "--run_name=mine")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "holds no sweep.json, but other files" in done.stderr
