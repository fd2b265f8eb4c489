"""Whatever event files hold, a run is shown as far as it can be read, no further."""

import json
import shutil
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2

from deepxor.events import gradient_flow, joining
from deepxor.events.reader import read_run
from deepxor.events.record_file import frame
from deepxor.report.last_record import MAX_ROWS
from deepxor.report.logdir import read_logdir
from deepxor.report.page import report_html
from tests.support.foreign import (
    BAD,
    HEALTHY,
    NESTED,
    VALID,
    bad_folder,
    check,
    check_reading,
    flow,
    fuzzed,
    odd_texts,
    write_events,
    write_flow,
)

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


def test_what_is_not_whole_of_a_run_that_is_shown_is_a_note_on_it(logdir):
    path = write_flow(bad_folder(logdir), steps=range(5))
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    runs, skipped = read_logdir(logdir)
    assert skipped == []
    (note,) = next(run.notes for run in runs if run.name == BAD)
    assert note.startswith(f"{path.name} is damaged (wrong checksum at byte ")
    done = subprocess.run(
        [sys.executable, "-m", "deepxor.compare", str(logdir)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = " ".join(done.stdout.split())
    assert f"{BAD!r}: {note}" in printed and "skipped" not in printed


def test_a_record_that_is_large_is_not_parsed_and_said_if_it_may_be_wanted(logdir):
    folder = bad_folder(logdir)
    path = write_flow(folder, steps=range(3))
    # Empty values, each of which takes 22 times its bytes in memory.
    large = event_pb2.Event(graph_def=b"\n\0" * 10_000_000).SerializeToString()
    wanted = large + b"gradient_flow/layers"
    path.write_bytes(path.read_bytes() + frame(large) + frame(wanted))
    tracemalloc.start()
    events = read_run(folder)
    flow = read_run(folder, tags=("loss",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150_000_000
    assert events.flow.steps.tolist() == flow.flow.steps.tolist() == [0, 1, 2]
    assert flow.damage == (f"1 of the records of {path.name} left out: too large",)


def test_a_run_of_the_laboratory_that_has_lost_its_file_is_noted(logdir):
    copied = logdir / BAD
    shutil.copytree(logdir / HEALTHY, copied)
    (copied / "experiment.json").unlink()
    runs, skipped = read_logdir(logdir)
    assert skipped == []
    notes = {run.name: run.notes for run in runs}
    assert notes == {HEALTHY: (), BAD: ("experiment.json is missing",)}
