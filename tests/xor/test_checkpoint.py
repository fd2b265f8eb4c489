"""Checkpoints that are damaged, crafted, or vouch for event files that are damaged."""

import copy
import os
import shutil
import signal
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import deepxor
from deepxor.events.reader import event_files
from deepxor.runs.array_file import ArrayFile, Wanted, write_arrays
from deepxor.runs.folder import RunError
from deepxor.xor.checkpoint.checkpoint import FILE, read
from deepxor.xor.network.build import build
from deepxor.xor.run import Run
from deepxor.xor.train import train
from tests.support.small_run import StopAfter, comparable, events_of, small


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    return deepxor.train_experiment(small(), tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was interrupted twice, and has two event files."""
    logdir = tmp_path_factory.mktemp("stopped")
    run = Run.create(logdir, small())
    for steps in (100, 200):
        assert train(run, [StopAfter(steps)]) == signal.SIGINT
        run.close()
        run = Run.resume(logdir, small())
    run.close()
    assert len(event_files(run.path)) == 2
    return run.path


@pytest.fixture(scope="module")
def model():
    return build(small())


@pytest.fixture(scope="module")
def members(stopped):
    """The arrays of the checkpoint, and what it says of them."""
    with np.load(stopped / FILE) as found:
        arrays = {name: found[name] for name in found if name not in _OWN}
    with ArrayFile(stopped / FILE, _LARGE) as file:
        return arrays, file.about()


_OWN = ("about", "digest")
# Which arrays there are does not matter to what is said beside them.
_LARGE = {"any": Wanted(np.dtype(np.uint8), (10**9,))}


@pytest.fixture(scope="module")
def crafted(stopped, tmp_path_factory):
    """A copy whose checkpoint the tests replace."""
    folder = tmp_path_factory.mktemp("crafted")
    return shutil.copytree(stopped, folder / stopped.name)


@pytest.fixture(autouse=True)
def fresh(crafted, stopped):
    """Each test finds the checkpoint that was written."""
    shutil.copy(stopped / FILE, crafted / FILE)


def refused(path, model):
    """Returns the line with which a run's folder is refused."""
    with pytest.raises(RunError) as error:
        read(path, small(), model)
    line = str(error.value)
    assert "\n" not in line and len(line) < 500 and FILE in line
    assert line.endswith("to start over")
    return line


def resume(path):
    run = Run.resume(path.parent, small())
    try:
        assert train(run) is None
    finally:
        run.close()
    return run


def test_what_the_tests_start_from_is_resumed(stopped, tmp_path, whole):
    run = resume(shutil.copytree(stopped, tmp_path / stopped.name))
    assert events_of(run.path) == events_of(whole.path)
    assert comparable(run.results) == comparable(whole.results)
    assert not (run.path / FILE).exists()


def test_the_checkpoint_vouches_for_every_byte_before_it(stopped, members):
    _, about = members
    files = [(path.name, path.stat().st_size) for path in event_files(stopped)]
    assert [(name, size) for name, size, _ in about["files"]] == files


DAMAGES = ["cut", "flip", "remove", "empty", "swap"]


@given(st.integers(0, 1), st.sampled_from(DAMAGES), st.data())
def test_no_damaged_event_file_is_resumed(crafted, stopped, model, number, kind, data):
    paths = event_files(crafted)
    content = [path.read_bytes() for path in paths]
    path, old = paths[number], content[number]
    try:
        if kind == "remove":
            path.unlink()
        elif kind == "swap":
            paths[0].write_bytes(content[1])
            paths[1].write_bytes(content[0])
        else:
            place = data.draw(st.integers(0, len(old) - 1))
            new = {"cut": old[:place], "empty": b""}.get(kind)
            if new is None:
                new = old[:place] + bytes([old[place] ^ 1]) + old[place + 1 :]
            path.write_bytes(new)
        assert "is damaged (events.out.tfevents." in refused(crafted, model)
    finally:
        for path, old in zip(paths, content, strict=True):
            path.write_bytes(old)


def test_a_damaged_run_is_left_as_it_is_until_its_checkpoint_is_removed(
    stopped, tmp_path, whole
):
    path = shutil.copytree(stopped, tmp_path / stopped.name)
    first = event_files(path)[0]
    first.write_bytes(first.read_bytes()[:-5])
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    assert "experiment.json" in before
    with pytest.raises(RunError, match=rf"is damaged \({first.name} has .* start over"):
        resume(path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    (path / FILE).unlink()
    run = resume(path)
    assert events_of(run.path) == events_of(whole.path)
    assert comparable(run.results) == comparable(whole.results)


@given(st.data())
def test_a_damaged_checkpoint_is_refused_or_says_the_same(crafted, model, data):
    path = crafted / FILE
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    size = data.draw(st.sampled_from([0, 1, 8, 1000]))
    new = data.draw(st.binary(max_size=9))
    expected = read(crafted, small(), model)
    path.write_bytes(content[:place] + new + content[place + size :])
    try:
        found = read(crafted, small(), model)
    except RunError as error:
        assert str(error).startswith("broken ") and "\n" not in str(error)
    else:
        assert found.files == expected.files and found.elapsed == expected.elapsed
        for part in ("variables", "monitor"):
            for name, array in getattr(expected, part).items():
                np.testing.assert_array_equal(getattr(found, part)[name], array)
    finally:
        path.write_bytes(content)


def rewrite(crafted, arrays, about):
    """Writes a checkpoint with the right checksum."""
    write_arrays(crafted / FILE, arrays, about)


ODD = st.sampled_from(
    [None, True, -1, 0.5, 10**30, "x", "\ud800", [], {}, [[]], {"format": 2}, 1e300]
)


@given(st.integers(0, 999), ODD, st.booleans())
def test_what_is_said_beside_the_arrays_is_not_believed(
    crafted, model, members, number, value, is_removed
):
    arrays, about = members
    about = copy.deepcopy(about)
    paths = [(key,) for key in about]
    paths += [("settings", key) for key in about["settings"]]
    paths += [("texts", key) for key in about["texts"]]
    paths += [("files", 0), ("files", 0, 0), ("files", 1, 1), ("files", 1, 2)]
    *parents, key = paths[number % len(paths)]
    # Another time can be right.
    assume(is_removed or key != "elapsed" or not isinstance(value, float))
    parent = about
    for each in parents:
        parent = parent[each]
    assume(is_removed or value != parent[key])
    if is_removed:
        del parent[key]
    else:
        parent[key] = value
    rewrite(crafted, arrays, about)
    refused(crafted, model)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "events.out.tfevents.1/../../x", "events.out.tfevents.\0",
     "events.out.tfevents.1\n", "experiment.json", "", "C:events.out.tfevents.1"],
)  # fmt: skip
def test_no_other_file_is_touched(crafted, model, members, name):
    arrays, about = members
    files = [[name, 0, 0], *about["files"]]
    rewrite(crafted, arrays, {**about, "files": files})
    assert "files" in refused(crafted, model)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("optimizer/0", lambda _: -5, id="steps of -5"),
        pytest.param("optimizer/0", lambda _: 301, id="steps of the end"),
        pytest.param("optimizer/0", lambda _: 10**9, id="steps beyond the end"),
        pytest.param("optimizer/1", lambda rate: rate * 2, id="learning rate"),
        pytest.param("optimizer/1", lambda _: np.nan, id="no learning rate"),
        pytest.param("monitor/step", lambda steps: steps[::-1], id="falling steps"),
        pytest.param("monitor/step", lambda steps: steps * 0, id="equal steps"),
        pytest.param("monitor/step", lambda steps: steps - 1, id="step -1"),
        pytest.param("monitor/step", lambda steps: steps + 200, id="later steps"),
        pytest.param("monitor/norm", lambda norms: norms[1:], id="too few norms"),
        pytest.param("monitor/loss", lambda loss: loss[:0], id="no losses"),
        pytest.param("monitor/recent", lambda norms: norms[1:], id="too few recent"),
        pytest.param("monitor/recent_step", lambda s: s + 10**6, id="recent steps"),
        pytest.param("monitor/counts", lambda counts: counts - 1, id="counts"),
        pytest.param("weight/0", lambda kernel: kernel[:, :, 1:], id="fewer replicas"),
        pytest.param("weight/1", lambda bias: bias.astype(float), id="float64"),
        pytest.param("weight/2", lambda kernel: kernel[None], id="more axes"),
    ],
)
def test_no_array_that_a_training_cannot_have_come_to(
    crafted, model, members, name, change
):
    arrays, about = members
    value = np.asarray(change(arrays[name]))
    if name.startswith("optimizer/"):
        value = value.astype(arrays[name].dtype)
    rewrite(crafted, {**arrays, name: value}, about)
    line = refused(crafted, model)
    words = {"optimizer/0": "iteration", "optimizer/1": "learning_rate"}
    assert words.get(name, name.removeprefix("monitor/").split("_")[0]) in line


@given(st.data())
def test_every_array_has_to_be_there_with_its_type_and_shape(
    crafted, model, members, data
):
    arrays, about = members
    name = data.draw(st.sampled_from(sorted(arrays)))
    kind = data.draw(st.sampled_from(["remove", "type", "axis", "rows", "rename"]))
    array = arrays[name]
    others = {key: value for key, value in arrays.items() if key != name}
    if kind == "type":
        others[name] = array.astype(np.float16)
    elif kind == "axis":
        others[name] = array[..., None]
    elif kind == "rows":
        others[name] = np.zeros((100_000, *array.shape[1:]), array.dtype)
    elif kind == "rename":
        others[f"{name}/x"] = array
    rewrite(crafted, others, about)
    refused(crafted, model)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"learning_rate": 0.2}, {"replicas": 9}, {"num_steps": 302}]
)
def test_the_checkpoint_of_another_run_is_refused(crafted, members, other):
    rewrite(crafted, *members)
    experiment = small(**other)
    with pytest.raises(RunError, match="of a run with other settings"):
        read(crafted, experiment, build(experiment))


def test_a_folder_or_a_pipe_in_its_place_is_refused(crafted, model):
    path = crafted / FILE
    path.unlink()
    path.mkdir()
    refused(crafted, model)
    path.rmdir()
    path.symlink_to(path)
    refused(crafted, model)
    path.unlink()
    assert read(crafted, small(), model) is None


def test_a_checkpoint_of_another_version_is_named_so(crafted, model, members):
    arrays, about = members
    np.savez(crafted / FILE, **arrays)
    assert "of an older version of deepxor" in refused(crafted, model)
    rewrite(crafted, arrays, {**about, "format": 1})
    assert "of another version of deepxor" in refused(crafted, model)


def test_long_texts_take_no_memory(crafted, model, members):
    arrays, about = members
    layers = ["x" * 900_000, *about["texts"]["layer"][1:]]
    rewrite(crafted, arrays, {**about, "texts": {**about["texts"], "layer": layers}})
    tracemalloc.start()
    refused(crafted, model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * 2**20


def test_a_pipe_in_the_place_of_an_event_file_is_refused(crafted, model):
    path = event_files(crafted)[0]
    content = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    try:
        assert "cannot be read (Not a regular file)" in refused(crafted, model)
    finally:
        path.unlink()
        path.write_bytes(content)
