"""Whatever a folder of a logdir holds, it costs that folder alone, and it is named."""

import contextlib
import json
import math
import os
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.report import logdir as logdir_module
from deepxor.report.logdir import read_logdir
from deepxor.report.page import report_html
from deepxor.runs import json_file
from deepxor.xor import run as run_module
from tests.support.foreign import (
    BAD,
    HEALTHY,
    NAME,
    NESTED,
    OLD,
    VALID,
    Page,
    bad_folder,
    check,
    check_reading,
    flow,
    fuzzed,
    notes_of,
    odd_texts,
    write_events,
    write_flow,
)

# Numbers that no float holds, that JSON has not, and that are no numbers.
odd_numbers = st.sampled_from(
    ["10**400", "-10**400", "Infinity", "-Infinity", "NaN", "1e400", "1e308", "-1e308",
     "true", "false", "-1", "0", "9223372036854775807", "1e-320", "4.9e-324", '"3"']
)  # fmt: skip


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | odd_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def as_json(value):
    return json.dumps(value)


@fuzzed
@given(
    place=st.sampled_from(
        [(part,) for part in VALID]
        + [("settings", key) for key in VALID["settings"]]
        + [("results", key) for key in (*VALID["results"], "dead", "causes", "run")]
    ),
    value=json_values.map(as_json)
    | odd_numbers.map(
        lambda n: n if "**" not in n else n.replace("10**", "1" + "0" * 400)[:401]
    )
    | st.sampled_from([NESTED, '{"a":' * 100_000 + "1" + "}" * 100_000]),
    status=st.sampled_from(["finished", "running", "interrupted"]),
)
def test_any_value_in_experiment_json_costs_that_run_alone(
    logdir, place, value, status
):
    folder = bad_folder(logdir)
    data = json.loads(json.dumps({**VALID, "status": status}))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "@@"
    text = json.dumps(data).replace('"@@"', value)
    (folder / "experiment.json").write_text(
        text, encoding="utf-8", errors="surrogatepass"
    )
    check(logdir)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("solved", "true"), ("cost", "1" + "0" * 400), ("seconds", "Infinity"),
        ("accuracy", "1e400"), ("seconds", "false"), ("steps", '"many"'),
        ("steps", "-1"), ("solved", "4"), ("verdict", "[]"), ("evidence", "{}"),
        ("cost", NESTED),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_the_place(logdir, place, value):
    data = {**VALID, "results": {**VALID["results"], place: "@@"}}
    text = json.dumps(data).replace('"@@"', value)
    (bad_folder(logdir) / "experiment.json").write_text(text)
    _, (line,) = check(logdir, is_read=False)
    assert "broken experiment.json" in line
    words = (place, "no number of JSON", "nested too deep")
    assert any(word in line for word in words)


def test_a_file_beyond_all_bounds_is_not_read(logdir):
    path = bad_folder(logdir) / "experiment.json"
    with path.open("wb") as file:
        file.truncate(2**33)
    tracemalloc.start()
    _, (line,) = check_reading(logdir)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"more than {json_file.MAX_BYTES:,} bytes" in line and peak < 2**27


def fifo(path):
    os.mkfifo(path)


def circle(path):
    path.symlink_to(path)


def dangling(path):
    path.symlink_to(path.parent / "nowhere")


def device(path):
    path.symlink_to("/dev/zero")


def folder_in_place(path):
    path.mkdir()


@pytest.mark.parametrize("make", [fifo, circle, dangling, device, folder_in_place])
@pytest.mark.parametrize("name", ["experiment.json", NAME])
@pytest.mark.parametrize("is_alone", [True, False])
def test_what_is_no_file_is_named_and_does_not_block(logdir, make, name, is_alone):
    folder = bad_folder(logdir)
    if not is_alone:
        (folder / "experiment.json").write_text(json.dumps(VALID))
        write_flow(folder)
        (folder / name).unlink(missing_ok=True)
    make(folder / name)
    _, named = check(logdir)
    assert named


@contextlib.contextmanager
def as_somebody():
    """Is another user than root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_logdir(logdir):
    """A logdir at a path on which everybody may go."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(logdir, Path(folder) / "logdir")
        for path in (Path(folder), copied):
            path.chmod(0o755)
        yield copied


@pytest.mark.parametrize("what", ["folder", "experiment.json", "events", "inner"])
def test_what_is_closed_is_named(open_logdir, what):
    folder = bad_folder(open_logdir)
    (folder / "experiment.json").write_text(json.dumps(VALID))
    events = write_flow(folder)
    write_flow(folder / "inner")
    places = {"folder": folder, "events": events}
    closed = places.get(what, folder / what)
    closed.chmod(0)
    try:
        with as_somebody():
            runs, lines = read_logdir(open_logdir)
    finally:
        closed.chmod(0o700)
    lines += notes_of(runs)
    assert any("'bad" in line and "Permission denied" in line for line in lines)
    names = {run.name for run in runs}
    assert names == {HEALTHY, BAD, "bad/inner"} - {
        "folder": {BAD, "bad/inner"}, "experiment.json": {BAD}, "events": set(),
        "inner": {"bad/inner"},
    }[what]  # fmt: skip


@pytest.mark.parametrize("content", ["{", NESTED])
def test_a_broken_run_with_folders_inside_is_named_too(logdir, content):
    folder = bad_folder(logdir)
    (folder / "experiment.json").write_text(content)
    write_flow(folder / "inner")
    runs, (line,) = read_logdir(logdir)
    assert [run.name for run in runs] == [HEALTHY, "bad/inner"]
    assert line.startswith("'bad': broken experiment.json")


def test_a_folder_that_is_read_without_being_allowed_is_told_of(logdir, monkeypatch):
    """As above, for those who run the tests as root."""
    folder = bad_folder(logdir)
    (folder / "experiment.json").write_text(json.dumps(VALID))
    path = write_flow(folder)
    opened = Path.open

    def refuse_to_open(self, *args, **kwargs):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse_to_open)
    run, (line,) = check(logdir, is_read=True)
    assert line == f"'bad': {path.name} cannot be read (Permission denied)"
    assert run.row["cost"] == VALID["results"]["cost"]
    (folder / "experiment.json").unlink()
    _, (line,) = check(logdir, is_read=False)
    assert "Permission denied" in line


texts = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1,
    max_size=40,
)  # fmt: skip


names = st.one_of(texts, st.binary(min_size=1, max_size=40).map(os.fsdecode)).filter(
    lambda name: not ({"/", "\0"} & set(name)) and name not in (".", "..", HEALTHY)
)


@fuzzed
@given(name=names, is_lab=st.booleans())
def test_any_name_is_shown_in_one_line(tmp_path_factory, name, is_lab):
    logdir = tmp_path_factory.mktemp("names")
    shutil.copytree(OLD / "three_layer-relu", logdir / HEALTHY)
    try:
        folder = bad_folder(logdir, name)
    except OSError:
        return  # the file system has no such names
    if is_lab:
        (folder / "experiment.json").write_text(json.dumps(VALID))
    else:
        write_events(folder, (0, [flow(["a"], norm_log10=np.zeros(1))]))
    check(logdir, name, is_read=True)


def test_two_names_that_print_alike_stay_two(logdir):
    for name in ("a\x01", "a\x02"):
        (bad_folder(logdir, name) / "experiment.json").write_text(json.dumps(VALID))
    names = [run.name for run in read_logdir(logdir)[0]]
    assert len(set(names)) == 3 and all(map(str.isprintable, names))


def test_a_picture_that_cannot_be_drawn_costs_that_picture(logdir, monkeypatch):
    def fail(*arguments):
        raise ValueError("Axis limits\ncannot be NaN")

    monkeypatch.setattr("deepxor.report.page.profiles_svg", fail)
    runs, lines = read_logdir(logdir)
    page = Page(report_html("title", runs, (), lines))
    assert "cannot be drawn (ValueError: Axis limits cannot be NaN)" in page.text
    assert len(page.pictures) == 3


@pytest.mark.parametrize(
    ("error", "words"),
    [(LookupError("\x1b"), "LookupError"), (MemoryError(), "Memory")],
)
@pytest.mark.parametrize("is_loading", [True, False])
def test_what_nobody_thought_of_costs_that_folder(
    logdir, monkeypatch, error, words, is_loading
):
    (bad_folder(logdir) / "experiment.json").write_text(json.dumps(VALID))
    place = (run_module, "read_json") if is_loading else (logdir_module, "read_run")
    read = getattr(*place)

    def fail(path, *arguments):
        if BAD in path.parts:
            raise error
        return read(path, *arguments)

    monkeypatch.setattr(*place, fail)
    runs, (line,) = read_logdir(logdir)
    assert [run.name for run in runs] == [HEALTHY]
    assert (words in line or "too large" in line) and line.isprintable()


def test_numbers_of_decades_are_those_of_the_norms(logdir):
    data = json.loads(json.dumps(VALID))
    data["results"] |= {"first_gradient": 1e300, "last_gradient": 1e-300}
    (bad_folder(logdir) / "experiment.json").write_text(json.dumps(data))
    run, _ = check(logdir, is_read=True)
    assert run.row["decades"] == pytest.approx(math.log10(1e-300) - 300)
