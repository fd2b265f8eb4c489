"""The lock of a folder, which ends with its process however that ends."""

import errno
import os
import subprocess
import sys

import pytest

from deepxor.runs.lock import FolderLock, is_locked


def test_one_at_a_time_has_it(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert not is_locked(tmp_path)
    assert first.take() and is_locked(tmp_path)
    assert not second.take()
    first.release()
    assert not is_locked(tmp_path)
    assert second.take()
    second.release()
    second.release()  # what was given back is given back


def test_it_ends_with_a_process_that_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from deepxor.runs.lock import FolderLock\n"
        "assert FolderLock(Path(sys.argv[1])).take()\n"
        "print('taken', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == "taken\n"
        assert is_locked(tmp_path) and not FolderLock(tmp_path).take()
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)


def test_it_stays_with_a_folder_that_is_renamed(tmp_path):
    (tmp_path / "a").mkdir()
    lock = FolderLock(tmp_path / "a")
    assert lock.take() and lock.rename(tmp_path / "b")
    assert is_locked(tmp_path / "b") and not (tmp_path / "a").exists()
    lock.release()
    assert not is_locked(tmp_path / "b")


def test_a_killed_run_is_told_from_one_that_is_trained_without_fcntl(tmp_path):
    # As on Windows; the locking library is loaded before, as there it has other means.
    code = (
        "import sys, filelock; sys.modules['fcntl'] = None\n"
        "from deepxor.runs import lock\n"
        "from deepxor.xor.run import Run, find_runs\n"
        "from deepxor.xor.config import Experiment\n"
        "assert lock._HAS_FLOCK is False\n"
        "if sys.argv[2] == 'create':\n"
        "    run = Run.create(sys.argv[1], Experiment())\n"
        "    print(find_runs(sys.argv[1])[0][0].status, flush=True)\n"
        "    sys.stdin.read()\n"
        "print(find_runs(sys.argv[1])[0][0].status, flush=True)\n"
        "run = Run.resume(sys.argv[1], Experiment())\n"
        "print(find_runs(sys.argv[1])[0][0].status, flush=True)\n"
        "run.close()\n"
        "print(find_runs(sys.argv[1])[0][0].status, flush=True)\n"
    )

    def command(what):
        return [sys.executable, "-c", code, str(tmp_path), what]

    with subprocess.Popen(
        command("create"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as creator:
        assert creator.stdout.readline() == "running\n"
        other = subprocess.run(
            command("resume"), capture_output=True, text=True, check=False
        )
        assert other.stdout == "running\n"
        assert "is being trained by another process" in other.stderr
        creator.kill()
    other = subprocess.run(
        command("resume"), capture_output=True, text=True, check=True
    )
    assert other.stdout.split() == ["killed", "running", "killed"]
    assert [path.name for path in tmp_path.iterdir()] == ["deep-sigmoid"]


def test_a_whole_run_is_trained_without_fcntl(tmp_path):
    code = (
        "import sys, filelock; sys.modules['fcntl'] = None\n"
        "import deepxor\n"
        "experiment = deepxor.Experiment(num_steps=3, replicas=2)\n"
        "print(deepxor.train_experiment(experiment, sys.argv[1]).status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "finished\n"


def test_a_lock_that_the_system_refuses_leaves_nothing_open(tmp_path, monkeypatch):
    import fcntl

    def refuse(descriptor, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        with pytest.raises(OSError, match="No locks"):
            is_locked(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == len(before)
