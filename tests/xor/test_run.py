import errno
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.runs.folder import RunError, check_run_name
from deepxor.runs.lock import FolderLock, is_locked
from deepxor.xor.config import Experiment
from deepxor.xor.run import FINISHED, KILLED, RUNNING, Run, find_runs

RELU = Experiment(activation="relu")
RESULTS = {"cost": 0.5}


def finish(run):
    run.save(FINISHED, RESULTS)
    run.close()


def test_names_are_network_activation_and_a_number(tmp_path):
    names = [Run.create(tmp_path, RELU).name for _ in range(3)]
    assert names == ["deep-relu", "deep-relu-2", "deep-relu-3"]


def test_a_name_of_ones_own_must_be_new(tmp_path):
    assert Run.create(tmp_path, RELU, "mine").name == "mine"
    with pytest.raises(RunError, match="'mine' is taken"):
        Run.create(tmp_path, RELU, "mine")


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "/etc", "-x", ".hidden", "a\nb", "a b", "x" * 201, "ü"]
)
def test_names_that_are_no_folder_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"`run_name` must be .*Received: run_name="):
        Run.create(tmp_path, RELU, name)
    assert not any(tmp_path.iterdir())


@given(st.text(max_size=30))
def test_an_allowed_name_is_one_path_component(name):
    try:
        check_run_name(name)
    except ValueError:
        return
    assert os.path.basename(name) == name and name not in ("", ".", "..")


def test_a_run_is_read_back(tmp_path):
    run = Run.create(tmp_path, RELU)
    assert Run.load(run.path).status == RUNNING
    finish(run)
    copy = Run.load(run.path)
    assert (copy.experiment, copy.status, copy.results) == (RELU, "finished", RESULTS)


def test_a_run_without_its_process_was_killed(tmp_path):
    code = (
        "import sys; from deepxor.xor.run import *; "
        "Run.create(sys.argv[1], Experiment()); import os; os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert Run.load(tmp_path / "deep-sigmoid").status == KILLED


def test_two_runs_started_at_the_same_moment_get_two_folders(tmp_path):
    code = (
        "import sys; from deepxor.xor.run import *; sys.stdin.readline(); "
        "print(Run.create(sys.argv[1], Experiment()).name)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    names = {process.communicate()[0].strip() for process in processes}
    assert len(names) == 8 == len(list(tmp_path.iterdir()))


def test_resume_takes_the_latest_unfinished_run(tmp_path):
    for _ in range(2):
        Run.create(tmp_path, RELU).close()
    finish(Run.create(tmp_path, RELU))
    assert Run.resume(tmp_path, RELU).name == "deep-relu-2"


def test_resume_refuses_what_it_cannot_go_on_with(tmp_path):
    with pytest.raises(RunError, match="no unfinished run"):
        Run.resume(tmp_path, RELU)
    with pytest.raises(RunError, match="'x': no experiment"):
        Run.resume(tmp_path, RELU, "x")
    run = Run.create(tmp_path, RELU)
    with pytest.raises(RunError, match="being trained"):
        Run.resume(tmp_path, RELU)
    run.close()
    with pytest.raises(RunError, match=r"seed=0 \(now 1\)"):
        Run.resume(tmp_path, Experiment(activation="relu", seed=1))
    finish(Run.resume(tmp_path, RELU))
    with pytest.raises(RunError, match="has finished"):
        Run.resume(tmp_path, RELU, "deep-relu")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"settings": {}, "status": "finished", "results": {}}',
        '{"settings": {}, "status": "odd", "results": {}}',
        '{"settings": {"seed": "x"}, "status": "running", "results": {}}',
        '{"settings": {"hidden_units": 5}, "status": "running", "results": {}}',
        '{"settings": 3, "status": "running", "results": {}}',
        '{"settings": {}, "status": "running", "results": null}',
        '{"settings": {}, "status": "finished", "results": {"cost": "x"}}',
        '{"settings": {}, "status": "finished", "results": {"solved": 200}}',
        "\udcff\x00",
    ],
)
def test_a_broken_file_is_named_and_skipped(tmp_path, content):
    finish(Run.create(tmp_path, RELU))
    (tmp_path / "broken").mkdir()
    path = tmp_path / "broken" / "experiment.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    found, skipped = find_runs(tmp_path)
    assert [run.name for run in found] == ["deep-relu"]
    assert sorted(skipped) == ["broken", "empty"]
    assert skipped["broken"].startswith("'broken': broken experiment.json")
    assert skipped["empty"] == "'empty': no experiment.json"
    assert not any("\n" in line for line in skipped.values())


def test_runs_sort_by_number(tmp_path):
    for _ in range(11):
        Run.create(tmp_path, RELU).close()
    names = [run.name for run in find_runs(tmp_path)[0]]
    assert names == ["deep-relu", *(f"deep-relu-{i}" for i in range(2, 12))]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    run = Run.create(tmp_path, RELU)

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        run.save(FINISHED, RESULTS)
    assert json.loads((run.path / "experiment.json").read_text())["status"] == "running"
    assert [path.name for path in run.path.iterdir()] == ["experiment.json"]


def test_a_logdir_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write to logdir=.*file"):
        Run.create(tmp_path / "file" / "logdir", RELU)


def test_a_run_appears_with_its_file(tmp_path, monkeypatch):
    seen = []
    rename = os.rename

    def look(source, target):
        seen.append(([path.name for path in tmp_path.iterdir()], os.listdir(source)))
        assert find_runs(tmp_path) == ([], {})
        rename(source, target)

    monkeypatch.setattr(os, "rename", look)
    run = Run.create(tmp_path, RELU)
    ((names, files),) = seen
    assert len(names) == 1 and names[0].startswith(".new-")
    assert files == ["experiment.json"]
    assert [path.name for path in tmp_path.iterdir()] == [run.name] == ["deep-relu"]


# What happens while a folder is made, in turn; the process is killed at one of them.
CALLS = ("mkdir", "open", "fsync", "replace", "rename")


@pytest.mark.parametrize("call", CALLS)
def test_a_process_that_is_killed_leaves_a_run_or_a_free_name(tmp_path, call):
    code = (
        "import os, sys\n"
        "from deepxor.xor.run import *\n"
        f"os.{call} = lambda *args, **kw: os.kill(os.getpid(), 9)\n"
        "Run.create(sys.argv[1], Experiment(activation='relu'))\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode in (-9, 9)  # as Windows says it
    runs, skipped = find_runs(tmp_path)
    assert runs == [] and skipped == {}
    assert Run.create(tmp_path, RELU).name == "deep-relu"


def test_what_a_killed_process_has_left_is_removed_in_time(tmp_path):
    old, new, locked = (tmp_path / f".new-{name}" for name in ("old", "new", "locked"))
    for path in (old, new, locked):
        path.mkdir()
        (path / "experiment.json.part").touch()
    for path in (old, locked):
        os.utime(path, (0, 0))
    lock = FolderLock(locked)
    assert lock.take()
    run = Run.create(tmp_path, RELU)
    assert {*tmp_path.iterdir()} == {new, locked, run.path}
    lock.release()


def test_the_name_of_an_empty_folder_is_free(tmp_path):
    (tmp_path / "deep-relu").mkdir()
    (tmp_path / "mine").mkdir()
    for name in ("", "mine"):
        run = Run.create(tmp_path, RELU, name)
        assert run.name == (name or "deep-relu")
        assert is_locked(run.path) and Run.load(run.path).status == RUNNING


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling", "loop"])
def test_nothing_else_gives_its_name_away(tmp_path, kind):
    path = tmp_path / "deep-relu"
    elsewhere = tmp_path / "elsewhere"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "mine").touch()
    else:
        if kind == "link":
            elsewhere.mkdir()
        path.symlink_to(path if kind == "loop" else elsewhere)
    before = path.lstat()
    assert Run.create(tmp_path, RELU).name == "deep-relu-2"
    with pytest.raises(RunError, match="is taken"):
        Run.create(tmp_path, RELU, "deep-relu")
    assert path.lstat().st_ino == before.st_ino
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_run_that_finishes_while_its_lock_is_waited_for_is_not_taken_up(
    tmp_path, monkeypatch
):
    run = Run.create(tmp_path, RELU)
    monkeypatch.setattr("deepxor.runs.lock.time.sleep", lambda seconds: finish(run))
    with pytest.raises(RunError, match="has finished"):
        Run.resume(tmp_path, RELU)
    assert Run.load(run.path).results == RESULTS
    assert not is_locked(run.path)


def test_taking_up_a_run_changes_nothing(tmp_path):
    run = Run.create(tmp_path, RELU)
    run.save("interrupted", RESULTS)
    run.close()
    before = (run.path / "experiment.json").read_bytes()
    resumed = Run.resume(tmp_path, RELU)
    assert (run.path / "experiment.json").read_bytes() == before
    assert is_locked(run.path)
    resumed.close()


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_no_system_call_syncs_can_be_written_to(
    tmp_path, monkeypatch, call
):
    real = getattr(os, call)

    def refuse(what, *flags):
        path = what if call == "open" else os.readlink(f"/proc/self/fd/{what}")
        if os.path.isdir(path) and ".new-" not in str(path):
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(what, *flags)

    monkeypatch.setattr(os, call, refuse)
    run = Run.create(tmp_path, RELU)
    finish(run)
    monkeypatch.undo()
    assert Run.load(run.path).status == FINISHED


def test_a_file_that_was_changed_is_shown_and_said(tmp_path):
    finish(Run.create(tmp_path, RELU))
    path = tmp_path / "deep-relu" / "experiment.json"
    assert Run.load(path.parent).notes == ()
    path.write_text(path.read_text().replace("0.5", "0.6"))
    run = Run.load(path.parent)
    assert run.results == {"cost": 0.6}
    assert run.notes == ("experiment.json has been changed",)


def test_a_run_whose_file_breaks_while_its_lock_is_waited_for_is_not_kept_locked(
    tmp_path, monkeypatch
):
    run = Run.create(tmp_path, RELU)

    def break_and_close(seconds):
        (run.path / "experiment.json").write_text("{")
        run.close()

    monkeypatch.setattr("deepxor.runs.lock.time.sleep", break_and_close)
    with pytest.raises(RunError, match=r"broken experiment\.json"):
        Run.resume(tmp_path, RELU)
    monkeypatch.undo()
    assert not is_locked(run.path)
