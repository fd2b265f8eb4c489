"""What had been written of event files is there still, or the damage is named."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.events.reader import event_files, read_run
from deepxor.events.writer import SummaryWriter
from deepxor.events.written import DamagedFileError, WrittenFile, check, cut


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of two event files; the second goes on after what was synced."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def files(run_dir):
    found = []

    def write(*steps):
        writer = SummaryWriter(run_dir)
        for step in steps:
            writer.scalar("cost", step, step)
        writer.after(lambda: found.append(writer.sync()))
        writer.flush()
        return writer

    write(0, 1).close()
    writer = write(2, 3)
    writer.scalar("cost", 4, 4)
    writer.close()
    return tuple(found)


@pytest.fixture
def copy(run_dir, files, tmp_path):
    return shutil.copytree(run_dir, tmp_path / "copy")


def test_what_was_written_is_what_the_file_begins_with(run_dir, files):
    first, second = event_files(run_dir)
    assert [file.name for file in files] == [first.name, second.name]
    assert files[0].size == first.stat().st_size
    assert files[1].size < second.stat().st_size
    check(run_dir, files)


def test_cut_leaves_what_was_written_and_nothing_else(copy, files):
    (copy / "events.out.tfevents.9999999998.host").write_bytes(b"of a later process")
    cut(copy, files)
    assert [path.stat().st_size for path in event_files(copy)] == [
        file.size for file in files
    ]
    assert list(read_run(copy).scalars["cost"]) == [0, 1, 2, 3]
    check(copy, files)
    cut(copy, ())
    assert event_files(copy) == []


@given(st.data())
def test_a_file_that_was_changed_is_named(run_dir, files, data):
    file = data.draw(st.sampled_from(files))
    path = run_dir / file.name
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "remove"]))
    if kind == "cut":
        changed = content[:place]
    elif kind == "flip":
        bit = 1 << data.draw(st.integers(0, 7))
        changed = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
    elif kind == "insert":
        changed = content[:place] + data.draw(st.binary(min_size=1)) + content[place:]
    else:
        changed = content[:place] + content[place + 1 :]
    try:
        path.write_bytes(changed)
        if changed[: file.size] == content[: file.size]:
            check(run_dir, files)
        else:
            with pytest.raises(DamagedFileError, match=file.name):
                check(run_dir, files)
    finally:
        path.write_bytes(content)


def test_a_file_that_was_removed_is_named(copy, files):
    (copy / files[0].name).unlink()
    with pytest.raises(DamagedFileError, match=f"{files[0].name} is missing"):
        check(copy, files)


def test_no_more_is_read_than_there_is(copy, files):
    name = files[0].name
    with pytest.raises(DamagedFileError, match="of 4,611,686,018,427,387,904 that"):
        check(copy, [WrittenFile(name, 2**62, 0)])
