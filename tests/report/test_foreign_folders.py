"""Whatever a folder of a logdir holds, it costs that folder alone, and it is named."""

import base64
import csv
import io
import json
import math
import os
import shutil
import struct
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2

from deepxor.console.tables import print_runs
from deepxor.events import gradient_flow, joining
from deepxor.events.reader import RunEvents
from deepxor.events.record_file import frame
from deepxor.events.writer import SummaryWriter
from deepxor.report import logdir as logdir_module
from deepxor.report.export import csv_text, json_text
from deepxor.report.last_record import MAX_ROWS
from deepxor.report.logdir import read_logdir, solved_comparisons
from deepxor.report.page import report_html
from deepxor.runs import json_file
from deepxor.text import LONGEST_TEXT
from deepxor.xor import run as run_module

OLD = Path(__file__).parents[1] / "support" / "logdir-0.1.0"
HEALTHY, BAD = "healthy", "bad"
VALID = json.loads((OLD / "three_layer-relu" / "experiment.json").read_text())
NAME = "events.out.tfevents.1.x"

fuzzed = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def logdir(tmp_path):
    """A logdir with one run, to which tests add a second folder."""
    shutil.copytree(OLD / "three_layer-relu", tmp_path / HEALTHY)
    return tmp_path


def bad_folder(logdir, name=BAD):
    folder = logdir / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class Page(HTMLParser):
    """The elements of a page, its text, and its pictures."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.pictures = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            content = dict(attrs)["src"].partition("base64,")[2]
            self.pictures.append(base64.b64decode(content).decode())

    def handle_data(self, data):
        self.text += data


def check_line(line):
    assert line.isprintable() and len(line) <= LONGEST_TEXT, line
    line.encode()


def refuse(constant):
    raise AssertionError(f"{constant} in JSON")


def check_outputs(runs, lines):
    """Checks that every output is one that other programs can read."""
    rows = [run.row for run in runs]
    comparisons = solved_comparisons(runs)
    table = csv_text(rows)
    cells = list(csv.reader(io.StringIO(table, newline="")))
    assert len(cells) == 1 + len(runs) == len(table.splitlines())
    for cell in (cell for row in cells for cell in row):
        check_line(cell)
        if cell.lstrip().startswith(("=", "+", "-", "@")):
            float(cell)
    run_settings = [run.settings for run in runs]
    text = json_text(rows, run_settings, comparisons, lines)
    data = json.loads(text, parse_constant=refuse)
    assert len(data["runs"]) == len(runs) and data["skipped"] == lines
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    print_runs(console, [(run.name, run.row, run.remark) for run in runs])
    for line in (*console.file.getvalue().splitlines(), *map(str, comparisons)):
        check_line(line)
    # The pictures of the healthy run are those of other tests.
    drawn = [replace(r, events=RunEvents()) if r.name == HEALTHY else r for r in runs]
    html = report_html("title", drawn, comparisons, lines)
    html.encode()
    page = Page(html)
    assert page.tags.count("section") == len(runs)
    assert page.tags.count("li") == len(lines)
    assert "cannot be drawn" not in page.text, page.text
    assert len(html) < 3_000_000 * (1 + len(runs))


def check(logdir, name=BAD, is_read=None):
    """Checks that the healthy run is shown as ever, and the other one or why not."""
    runs, lines = read_logdir(logdir)
    for line in lines:
        check_line(line)
        assert "Error" not in line, line  # so no check of ours has let it through
    (healthy,) = (run for run in runs if run.name == HEALTHY)
    expected = {**VALID["results"], "run": HEALTHY, "replicas": 3}
    for key in set(expected) & set(healthy.row):
        assert healthy.row[key] == expected[key]
    others = [run for run in runs if run.name != HEALTHY]
    named = [line for line in lines if repr(name)[1:-1] in line or name in line]
    assert len(others) == 1 or named
    assert len(others) <= 1
    if is_read is not None:
        assert bool(others) == is_read, lines
    check_outputs(runs, lines)
    return (others or [None])[0], named


# Numbers that no float holds, that JSON has not, and that are no numbers.
odd_numbers = st.sampled_from(
    ["10**400", "-10**400", "Infinity", "-Infinity", "NaN", "1e400", "1e308", "-1e308",
     "true", "false", "-1", "0", "9223372036854775807", "1e-320", "4.9e-324", '"3"']
)  # fmt: skip
odd_texts = st.text(max_size=60) | st.sampled_from(
    ["\ud800", "=1+1", "a\r=1+1", "\x1b[2J\x1b]0;x\x07", "\u202eabc", "x" * 1_000_000,
     "<script>", "\u200b" * 9, "a\nb", "\x9b31m", "'", "", "\uff1d1+1", " =1"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | odd_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NESTED = "[" * 200_000 + "]" * 200_000


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


def check_reading(logdir):
    runs, lines = read_logdir(logdir)
    assert HEALTHY in [run.name for run in runs]
    return runs, lines


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


@pytest.mark.skipif(
    getattr(os, "geteuid", int)() == 0, reason="root may read everything"
)
@pytest.mark.parametrize("what", ["folder", "experiment.json", "events", "inner"])
def test_what_is_closed_is_named(logdir, what):
    folder = bad_folder(logdir)
    (folder / "experiment.json").write_text(json.dumps(VALID))
    events = write_flow(folder)
    write_flow(folder / "inner")
    places = {"folder": folder, "events": events}
    closed = places.get(what, folder / what)
    closed.chmod(0)
    try:
        runs, lines = read_logdir(logdir)
    finally:
        closed.chmod(0o700)
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


def write_flow(folder, layers=("first", "last"), steps=(0, 10), **values):
    writer = SummaryWriter(folder)
    for step in steps:
        count = len(layers)
        norms = {
            "norm_log10": np.linspace(-5, -1, count),
            "non_finite": np.zeros(count),
        }
        writer.flow(layers, norms | values, step)
        writer.scalar("loss", 0.5, step)
    writer.flow_diagnosis({"verdict": "vanishing", "evidence": "So."}, steps[-1])
    writer.close()
    (path,) = folder.glob("events*")
    return path


def write_events(folder, *summaries):
    """Writes a file of events, each a step and its values."""
    events = [event_pb2.Event(file_version="brain.Event:2")]
    for step, values in summaries:
        summary = summary_pb2.Summary(value=values)
        events.append(event_pb2.Event(step=step, summary=summary))
    content = b"".join(frame(event.SerializeToString()) for event in events)
    (folder / NAME).write_bytes(content)


def flow(layers, **values):
    table = gradient_flow.table(len(layers), values)
    return gradient_flow.flow_value(table, layers)


sizes = st.sampled_from([-1, 0, 1, 2, 3, 26, 10**8, 2**62, 2**63 - 1])


@st.composite
def tensors(draw):
    """Tensors of any type, shape and content, which need not fit."""
    tensor = tensor_pb2.TensorProto(
        dtype=draw(st.integers(0, 30)) | draw(st.sampled_from([0, 0, 100]))
    )
    for size in draw(st.lists(sizes, max_size=4)):
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_shape.unknown_rank = draw(st.booleans())
    field = draw(st.sampled_from(
        ["float_val", "double_val", "int_val", "int64_val", "half_val", "string_val",
         "bool_val", "scomplex_val", "tensor_content"]
    ))  # fmt: skip
    if field == "tensor_content":
        tensor.tensor_content = draw(st.binary(max_size=300))
        return tensor
    inner = {
        "float_val": st.floats(width=32), "double_val": st.floats(),
        "scomplex_val": st.floats(width=32), "string_val": st.binary(max_size=9),
        "bool_val": st.booleans(), "int64_val": st.integers(-(2**63), 2**63 - 1),
    }.get(field, st.integers(-(2**31), 2**31 - 1))  # fmt: skip
    getattr(tensor, field).extend(draw(st.lists(inner, max_size=3)))
    return tensor


steps = st.sampled_from([-(2**63), -1, 0, 1, 7, 2**53, 2**62, 2**63 - 2, 2**63 - 1])


@fuzzed
@given(
    tensor=tensors(),
    tag=st.sampled_from(["loss", "accuracy", "solved", "cost", gradient_flow.TAG,
                         gradient_flow.TAG + "-0123abcd", gradient_flow.DIAGNOSIS_TAG]),
    layers=st.lists(odd_texts.filter(lambda t: len(t) < 100), max_size=3),
    step=steps,
    is_lab=st.booleans(),
)  # fmt: skip
def test_any_tensor_costs_that_run_alone(logdir, tensor, tag, layers, step, is_lab):
    folder = bad_folder(logdir)
    good = flow(["a", "b"], norm_log10=np.array([-1.0, -2.0]))
    odd = gradient_flow.flow_value(np.zeros((1, 1), np.float32), layers)
    odd.tag = tag
    if not tag.startswith(gradient_flow.TAG):
        odd.metadata.plugin_data.plugin_name = "scalars"
    odd.tensor.CopyFrom(tensor)
    write_events(folder, (3, [good]), (step, [odd]))
    if is_lab:
        data = {**VALID, "status": "running", "results": {}}
        (folder / "experiment.json").write_text(json.dumps(data))
    tracemalloc.start()
    read_logdir(logdir)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    check(logdir, is_read=True)


@fuzzed
@given(
    records=st.lists(
        st.tuples(steps, st.dictionaries(
            st.sampled_from(gradient_flow.QUANTITIES), st.floats(width=32), max_size=6
        )),
        min_size=1, max_size=4,
    ),
    layers=st.lists(st.sampled_from(["a", "b", "a\x1b[2J", "\ud800", "=x"]), min_size=1,
                    max_size=4),
    scalars=st.lists(st.tuples(steps, st.floats()), max_size=3),
)  # fmt: skip
def test_any_step_and_any_value_are_shown(logdir, records, layers, scalars):
    folder = bad_folder(logdir)
    summaries = [
        (
            step,
            [flow(layers, **{n: np.full(len(layers), v) for n, v in values.items()})],
        )
        for step, values in records
    ]
    for step, number in scalars:
        value = summary_pb2.Summary.Value(tag="loss")
        value.metadata.plugin_data.plugin_name = "scalars"
        value.tensor.dtype = types_pb2.DT_DOUBLE
        value.tensor.double_val.append(number)
        summaries.append((step, [value]))
    write_events(folder, *summaries)
    run, _ = check(logdir, is_read=True)
    assert run.row["steps"] == 1 + max(step for step, _ in records)
    assert len(run.events.flow.layers) == len(set(layers))


@fuzzed
@given(data=st.data())
def test_a_damaged_file_is_read_up_to_there_and_named(logdir, data):
    folder = bad_folder(logdir)
    path = write_flow(folder, steps=range(5))
    whole = read_logdir(logdir)[0][1].events
    content = bytearray(path.read_bytes())
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "long"]))
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        content = content[:place]
    elif kind == "insert":
        content[place:place] = data.draw(st.binary(min_size=1, max_size=20))
    else:
        content = content[:place] + struct.pack("<Q", 2**62) + content[place:]
    path.write_bytes(content)
    run, named = check(logdir)
    assert named or run is not None
    if kind != "cut":
        assert named
        assert "checksum at byte" in named[0] or "unfinished" in named[0] or run is None
    if run is None:
        return
    # Nothing is another number than before.
    found = run.events.flow
    assert found.steps.tolist() == list(range(len(found.steps)))
    for name, values in found.quantities.items():
        np.testing.assert_array_equal(
            values, whole.flow.quantities[name][: len(values)]
        )


@pytest.mark.parametrize(
    ("status", "is_named"),
    [("finished", True), ("running", False), ("interrupted", False)],
)
def test_only_a_finished_runs_file_must_be_whole(logdir, status, is_named):
    folder = bad_folder(logdir)
    path = write_flow(folder)
    path.write_bytes(path.read_bytes()[:-5])
    (folder / "experiment.json").write_text(json.dumps({**VALID, "status": status}))
    _, named = check(logdir, is_read=True)
    assert bool(named) == is_named
    assert all("unfinished record at byte" in line for line in named)


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


@pytest.mark.parametrize(
    "content",
    [NESTED.encode(), b'{"verdict": "' + b"x" * 2**21 + b'"}', b"\xff", b"3", b"{}"],
    ids=["nested", "long", "bytes", "number", "empty"],
)
@pytest.mark.parametrize("place", ["names", "diagnosis"])
def test_json_in_events_is_bounded_and_what_is_left_out_is_named(
    logdir, content, place
):
    folder = bad_folder(logdir)
    good, odd = (flow(["a"], norm_log10=np.zeros(1)) for _ in range(2))
    if place == "names":
        odd.tag += "-0123abcd"
        odd.metadata.plugin_data.content = content
    else:
        odd = gradient_flow.diagnosis_value({"verdict": "dead"})
        odd.tensor.string_val[0] = content
    write_events(folder, (0, [good]), (1, [odd]))
    _, (line,) = check(logdir, is_read=True)
    what = "1 records of gradients" if place == "names" else "1 diagnoses"
    assert f"'bad': {what} left out" in line


@pytest.mark.parametrize("count", [joining.MAX_LAYERS + 7, 100_000])
def test_of_a_million_layers_few_are_shown_and_the_rest_is_said(logdir, count):
    folder = bad_folder(logdir)
    names = [f"layer{i}" for i in range(count)]
    norms = np.linspace(-3, -1, count)
    write_events(
        folder, (0, [flow(names, norm_log10=norms, non_finite=np.zeros(count))])
    )
    run, (line,) = check(logdir, is_read=True)
    most = joining.MAX_LAYERS
    assert f"{most:,} layers are shown; {count - most:,} more are left out" in line
    # Both ends are there, as the gradient's way is told from them.
    assert (run.row["first_layer"], run.row["last_layer"]) == (names[0], names[-1])
    assert run.row["decades"] == pytest.approx(2)
    html = report_html("title", [run], (), [line])
    assert f"and {most - MAX_ROWS:,} more layers" in html
    assert len(html) < 2_000_000
    shown = html[html.index('<table class="last">') :]
    assert shown.count("<tr>") <= MAX_ROWS + 2


def test_many_series_at_many_steps_do_not_multiply(logdir):
    folder = bad_folder(logdir)
    series = 1_200
    summaries = []
    for number in range(series):
        value = flow([f"{number}-{i}" for i in range(9)], norm_log10=np.zeros(9))
        value.tag += f"-{number:08x}"
        summaries += [(10 * number + i, [value]) for i in range(3)]
    write_events(folder, *summaries)
    tracemalloc.start()
    _, lines = check_reading(logdir)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # As float32 and as float64, and what is needed to get there.
    assert peak < 24 * joining.MAX_VALUES
    text = " ".join(lines)
    assert "too many series" in text and "layers are shown" in text
    assert "records are shown" in text


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
