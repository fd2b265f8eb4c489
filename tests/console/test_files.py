"""The files that a command writes, all of them or none."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading

import pytest

from deepxor.console.files import check_files, write_files


def test_new_and_old_files_are_written(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o640)
    write_files({str(old): b"1", str(new): b"2"})
    assert (old.read_bytes(), new.read_bytes()) == (b"1", b"2")
    assert old.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_files({str(tmp_path / "link"): b"new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("bad", ["/dev/full", "folder"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_where_one_fails_none_has_changed(tmp_path, monkeypatch, bad, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "old").write_text("old")
    paths = ["old", "new"]
    paths.insert(place, bad)
    with pytest.raises(OSError) as error:
        write_files(dict.fromkeys(paths, b"x" * 100_000))
    assert error.value.filename == bad
    assert (tmp_path / "old").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "old"}


@pytest.mark.parametrize("has_links", [True, False])
def test_where_a_file_cannot_be_replaced_the_others_are_as_they_were(
    tmp_path, monkeypatch, has_links
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").write_text("old")
    (tmp_path / "other").write_text("of another user")
    replace = os.replace

    def refuse(source, target):
        if os.path.basename(target) == "other":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        replace(source, target)

    def no_links(source, target):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "replace", refuse)
    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(OSError, match="not permitted") as error:
        write_files({"old": b"1", "new": b"2", "other": b"3"})
    assert error.value.filename == "other"
    assert (tmp_path / "old").read_text() == "old"
    assert (tmp_path / "other").read_text() == "of another user"
    assert {path.name for path in tmp_path.iterdir()} == {"old", "other"}


def test_no_name_is_taken_from_the_user(tmp_path):
    mine = tmp_path / "a.part"
    mine.write_text("mine")
    write_files({str(tmp_path / "a"): b"1"})
    assert mine.read_text() == "mine"
    write_files({str(tmp_path / "a.part"): b"2", str(tmp_path / "a"): b"3"})
    assert (tmp_path / "a").read_bytes() == b"3" and mine.read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pipe_is_written_in_its_place(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(
        target=lambda: read.append((tmp_path / "pipe").read_bytes())
    )
    reader.start()
    write_files({str(tmp_path / "pipe"): b"x" * 100_000, str(tmp_path / "a"): b"y"})
    reader.join()
    assert read == [b"x" * 100_000]
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "a"}


@pytest.mark.parametrize("other", ["a.csv", "./a.csv", "link.csv", "sub/../a.csv"])
def test_two_outputs_into_one_file_are_refused(tmp_path, monkeypatch, other):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to("a.csv")
    with pytest.raises(ValueError, match="`json` must be another file than `csv`"):
        check_files({"html": "", "csv": "a.csv", "json": other})
    check_files({"html": "", "csv": "", "json": other})


def compare(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.compare", *map(str, arguments)],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def test_a_full_disk_leaves_no_file_of_a_report(demo_logdir, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    files = [f"--{kind}={kind}" for kind in ("csv", "json", "html")]
    done = compare(demo_logdir, *files, cwd=tmp_path, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr == "deepxor.compare: html: File too large\n"
    assert not any(tmp_path.iterdir())


def test_standard_output_may_be_one_of_the_files(demo_logdir, tmp_path):
    table = tmp_path / "table.csv"
    assert compare(demo_logdir, f"--csv={table}").returncode == 0
    piped = compare(demo_logdir, "--csv=/dev/stdout").stdout
    assert piped.startswith(table.read_text())
    with (tmp_path / "all").open("w") as output:
        code = [sys.executable, "-m", "deepxor.compare", demo_logdir]
        subprocess.run([*code, "--csv=/dev/stdout"], stdout=output, check=True)
    assert (tmp_path / "all").read_text() == piped
