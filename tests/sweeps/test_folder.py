"""The file of a sweep: killed, cut, damaged, full, in use, or of another sweep."""

import csv
import errno
import math
import os
import subprocess
import sys

import numpy as np
import pandas
import pytest

from deepxor.runs.folder import RunError
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.folder import NETWORKS, SETTINGS, SweepFolder
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.worker import failed_rows
from tests.sweeps.toy import ToyTask, toy_rows, toy_sweep

SWEEP = toy_sweep(replicas=2)
# Quotes, commas and line breaks, as reasons may have them.
REASON = ValueError('`depth` "no",\n1 of 2, \x00 Grüße')


def rows_of(chunk):
    if chunk.number == 1:
        return failed_rows(chunk, REASON, range(len(chunk.cells)))
    return toy_rows(SWEEP, chunk)


@pytest.fixture
def path(tmp_path):
    """The folder of a sweep that has been trained."""
    with SweepFolder(tmp_path / "sweep", SWEEP) as folder:
        for chunk in SWEEP.chunks:
            folder.append(chunk, rows_of(chunk))
    return tmp_path / "sweep"


def comparable(rows):
    """Returns rows that equal others if all values do, NaN and all."""
    return [tuple(map(repr, row.values())) for row in rows]


def opened(path):
    with SweepFolder(path, SWEEP) as folder:
        return folder.rows, folder.done


def test_what_is_written_is_read(path):
    rows, done = opened(path)
    assert done == set(range(len(SWEEP.chunks)))
    written = [row for chunk in SWEEP.chunks for row in rows_of(chunk)]
    for row, wanted in zip(rows, written, strict=True):
        assert {name: repr(row[name]) for name in wanted} == {
            name: repr(value) for name, value in wanted.items()
        }


def test_the_file_is_plain_csv(path):
    frame = pandas.read_csv(path / NETWORKS)
    with (path / NETWORKS).open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert list(frame.columns) == list(table[0]) == [
        "chunk", "cell", "depth", "width", "replica", "solved", "cost",
        "first_gradient", "last_gradient", "verdict", "seconds", "error",
    ]  # fmt: skip
    assert len(frame) == len(table) == SWEEP.count
    experiments = [SWEEP.experiments[cell] for cell in frame["cell"]]
    assert frame["depth"].tolist() == [e.depth for e in experiments]
    assert frame["width"].tolist() == [e.width for e in experiments]
    reasons = frame["error"].dropna()
    assert len(reasons) == len(SWEEP.chunks[1].cells)
    assert set(reasons) == {'ValueError: `depth` "no", 1 of 2, � Grüße'}
    trained = frame[frame["error"].isna()]
    np.testing.assert_allclose(trained["cost"], 1 / (3 + trained["replica"]), rtol=0)


def test_cut_at_any_byte_it_loses_the_unfinished_chunk_and_goes_on(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # for speed
    whole = (path / NETWORKS).read_bytes()
    all_rows, _ = opened(path)
    ends = []  # of the chunks, in bytes
    place = whole.index(b"\n") + 1
    for chunk in SWEEP.chunks:
        for _ in chunk.cells:
            place = whole.index(b"\n", place) + 1
        ends.append(place)
    assert place == len(whole)
    for cut in range(len(whole) + 1):
        (path / NETWORKS).write_bytes(whole[:cut])
        with SweepFolder(path, SWEEP) as folder:
            left = sum(end <= cut for end in ends)
            assert folder.done == set(range(left))
            count = sum(len(chunk.cells) for chunk in SWEEP.chunks[:left])
            assert comparable(folder.rows) == comparable(all_rows[:count])
            for chunk in SWEEP.chunks[left:]:
                folder.append(chunk, rows_of(chunk))
        assert (path / NETWORKS).read_bytes() == whole


def test_killed_before_its_settings_are_whole_it_begins_afresh(path):
    settings = (path / SETTINGS).read_bytes()
    for file in path.iterdir():
        file.unlink()
    (path / f"{SETTINGS}.part").write_bytes(settings[:20])
    assert opened(path) == ([], set())
    assert (path / SETTINGS).read_bytes() == settings


DAMAGES = {
    "a letter in a number": lambda line: line.replace(b",0,", b",x,", 1),
    "no chunk": lambda line: line[line.index(b",") :],
    "no cost": lambda line: line.replace(b"0.3333333333333333", b""),
    "another chunk": lambda line: b"0" + line[1:],
    "no such chunk": lambda line: b"99" + line[1:],
    "a value less": lambda line: line.replace(b",", b"", 1),
    "half a line": lambda line: line[: len(line) // 2] + b"\n",
    "an open quote": lambda line: b'"' + line,
    "no letters": lambda line: b"\xff\x00" + line,
    "nothing": lambda line: b"\n",
    "the line twice": lambda line: line + line,
    "no line": lambda line: b"",
    "zeros, as after a power failure": lambda line: bytes(len(line) - 1) + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_is_named_and_the_file_stays(path, damage):
    lines = (path / NETWORKS).read_bytes().splitlines(keepends=True)
    place = 9  # the first line of the third chunk
    lines[place] = DAMAGES[damage](lines[place])
    damaged = b"".join(lines)
    (path / NETWORKS).write_bytes(damaged)
    with pytest.raises(RunError, match=r"is damaged at line (10|11) ") as raised:
        opened(path)
    assert "\n" not in str(raised.value) and str(path / NETWORKS) in str(raised.value)
    assert (path / NETWORKS).read_bytes() == damaged
    # What the message says helps: the lines before it are kept.
    number = int(str(raised.value).split("line ")[1].split()[0])
    (path / NETWORKS).write_bytes(b"".join(damaged.splitlines(True)[: number - 1]))
    assert opened(path)[1] == {0, 1}


@pytest.mark.parametrize("content", [b"chunk,cell\n", b"a,b\n1,2\n", b"a"])
def test_a_file_with_other_columns_stays_as_it_is(path, content):
    (path / NETWORKS).write_bytes(content)
    with pytest.raises(RunError, match="has other columns"):
        opened(path)
    assert (path / NETWORKS).read_bytes() == content


@pytest.mark.parametrize("room", [0, 1, 40, 150])
def test_on_a_full_disk_the_file_stays_as_it_was(path, room, monkeypatch):
    whole = (path / NETWORKS).read_bytes()
    chunk = SWEEP.chunks[-1]
    start = whole.index(f"\n{chunk.number},".encode()) + 1
    (path / NETWORKS).write_bytes(whole[:start])
    left, write = room, os.write

    def full(descriptor, content):
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(descriptor, content[:left])
        left -= done
        return done

    with SweepFolder(path, SWEEP) as folder:
        before = list(folder.rows)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError) as raised:
            folder.append(chunk, rows_of(chunk))
        monkeypatch.undo()
        assert raised.value.errno == errno.ENOSPC
        assert raised.value.filename == os.fspath(path / NETWORKS)
        assert (path / NETWORKS).read_bytes() == whole[:start]
        assert folder.rows == before and chunk.number not in folder.done
        folder.append(chunk, rows_of(chunk))
    assert (path / NETWORKS).read_bytes() == whole


def test_another_sweep_is_refused(path):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    others = [
        toy_sweep(replicas=3),
        toy_sweep(replicas=2, fixed={"gain": 2.0}),
        Sweep(ToyTask(), SWEEP.axes[::-1], 2),
        Sweep(ToyTask(), (SWEEP.axes[0], Axis("width", (5, 7))), 2),
    ]
    for other in others:
        with pytest.raises(RunError, match="holds a sweep with other settings"):
            SweepFolder(path, other)
    assert before == {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff", b"null", b""])
def test_broken_settings_are_one_line(path, content):
    (path / SETTINGS).write_bytes(content)
    with pytest.raises(RunError, match=f"broken {SETTINGS}") as raised:
        SweepFolder(path, SWEEP)
    assert "\n" not in str(raised.value)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "experiment.json").write_text("{}")
    with pytest.raises(RunError, match=f"holds no {SETTINGS}, but other files"):
        SweepFolder(tmp_path, SWEEP)
    assert [file.name for file in tmp_path.iterdir()] == ["experiment.json"]


def test_what_has_failed_to_open_can_be_opened_again(path):
    """Neither the lock nor a descriptor is left behind."""
    content = (path / NETWORKS).read_bytes()
    (path / NETWORKS).write_bytes(b"a\nb\n")
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(RunError):
            SweepFolder(path, SWEEP)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    (path / NETWORKS).write_bytes(content)
    assert len(opened(path)[0]) == SWEEP.count


def test_a_second_process_is_refused_until_the_first_ends(path):
    code = (
        "import sys; from pathlib import Path\n"
        "from deepxor.sweeps.folder import SweepFolder\n"
        "from tests.sweeps.toy import toy_sweep\n"
        "with SweepFolder(Path(sys.argv[1]), toy_sweep(replicas=2)):\n"
        "    print('open', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(RunError, match="is being trained by another process"):
            SweepFolder(path, SWEEP)
        process.kill()
        process.wait()
    assert len(opened(path)[0]) == SWEEP.count


def test_numbers_are_read_as_they_were_to_the_bit(path):
    numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, math.nan, -0.0]
    (path / NETWORKS).unlink()
    chunk = SWEEP.chunks[0]
    rows = rows_of(chunk)
    for row, number in zip(rows, numbers, strict=False):
        row.update(cost=number, first_gradient=numbers[-1], seconds=numbers[4])
    with SweepFolder(path, SWEEP) as folder:
        folder.append(chunk, rows)
    for row, wanted in zip(opened(path)[0], rows, strict=True):
        for name in ("cost", "first_gradient", "seconds"):
            assert repr(row[name]) == repr(wanted[name])
