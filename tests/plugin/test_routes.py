"""Whatever a run's files hold, every route of the tab answers, and its answer fits."""

import csv
import io
import json
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2

from deepxor.events import gradient_flow, joining
from deepxor.events.record_file import frame
from deepxor.plugin import payload
from deepxor.plugin.csv_table import csv_bytes
from deepxor.plugin.server import GradientFlowPlugin
from tests.support.server import ROUTE, decode, serve

ROUTES = ("flow", "csv", "curves")

fuzzed = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Datum(NamedTuple):
    step: int
    wall_time: float
    numpy: np.ndarray


def write(folder, *summaries):
    """Writes events, each of a step and its values."""
    folder.mkdir(parents=True, exist_ok=True)
    events = [event_pb2.Event(file_version="brain.Event:2")]
    for step, values in summaries:
        summary = summary_pb2.Summary(value=values)
        events.append(event_pb2.Event(step=step, summary=summary, wall_time=1.0))
    content = b"".join(frame(event.SerializeToString()) for event in events)
    (folder / "events.out.tfevents.1.x").write_bytes(content)


def flow(layers, norm=-1.0):
    values = {"norm_log10": np.full(len(layers), norm)}
    return gradient_flow.flow_value(gradient_flow.table(len(layers), values), layers)


def refuse(constant):
    raise AssertionError(f"{constant} in JSON")


def check(client, run):
    """Checks every route of a run; returns the statuses and the texts by route."""
    listed = client.get(f"{ROUTE}/runs")
    assert listed.status_code == 200
    assert "good" in [row["name"] for row in listed.json["runs"]]
    found = {}
    for route in ROUTES:
        response = client.get(f"{ROUTE}/{route}", query_string={"run": run})
        assert response.status_code in (200, 404, 422), response.text
        assert len(response.data) < 500_000
        found[route] = (response.status_code, response)
        if response.status_code != 200:
            text = response.text
            assert text and text.isprintable() and "Traceback" not in text
    assert found["flow"][0] == 200
    header, _ = decode(found["flow"][1].data)
    for text in (header["error"], header.get("note"), *header.get("layers", ())):
        assert text is None or text.isprintable()
    if found["curves"][0] == 200:
        json.loads(found["curves"][1].text, parse_constant=refuse)
    # What one route can show, the other can, and for the same reason.
    is_shown = found["csv"][0] == 200
    assert is_shown == (header["error"] is None)
    if is_shown:
        table = found["csv"][1].data.decode()
        rows = list(csv.reader(io.StringIO(table, newline="")))
        count = len(header["layers"]) * header["columns"]
        assert len(rows) == 1 + count == len(table.splitlines())
        assert all(cell.isprintable() for row in rows for cell in row)
        assert not any(row[2].lstrip().startswith(tuple("=+-@")) for row in rows)
    else:
        assert header["error"] in found["csv"][1].text
    return header


json_texts = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["layers", "quantities", "verdict", "fault_step"])
                      | st.text(max_size=3), inner, max_size=4),
).map(json.dumps) | st.sampled_from(
    ["[" * 200_000, '{"verdict":' * 90_000, '{"verdict": "\\ud800\\u001b[2J"}',
     '{"fault_step": 1' + "0" * 400 + "}",
     '{"verdict": {"a": [1]}, "is_running": true}',
     '{"layers": ["=1\\r=2", "\\ud800", "\\u202e"], "quantities": ["norm_log10"]}']
)  # fmt: skip
steps = st.sampled_from([-(2**63), -1, 0, 7, 2**53 + 1, 2**63 - 1])


@st.composite
def tensors(draw):
    tensor = tensor_pb2.TensorProto(dtype=draw(st.sampled_from([0, 1, 2, 3, 7, 8, 99])))
    for size in draw(st.lists(st.sampled_from([-1, 0, 1, 3, 27, 4_000]), max_size=3)):
        tensor.tensor_shape.dim.add(size=size)
    numbers = st.floats(width=32)
    tensor.float_val.extend(draw(st.lists(numbers, max_size=2)))
    tensor.string_val.extend(draw(st.lists(json_texts.map(str.encode), max_size=2)))
    return tensor


@fuzzed
@given(
    tag=st.sampled_from([gradient_flow.TAG, gradient_flow.OVERVIEW_TAG,
                         gradient_flow.TAG + "-0123abcd", gradient_flow.DIAGNOSIS_TAG,
                         "cost", "decision_surface"]),
    tensor=tensors(),
    content=json_texts,
    step=steps,
    is_first=st.booleans(),
)  # fmt: skip
def test_every_route_answers(tmp_path, tag, tensor, content, step, is_first):
    write(tmp_path / "good", (0, [flow(["a"])]))
    odd = summary_pb2.Summary.Value(tag=tag, tensor=tensor)
    odd.metadata.CopyFrom(flow(["a"]).metadata)
    odd.metadata.plugin_data.content = content.encode()
    if "/" not in tag:
        odd.metadata.plugin_data.plugin_name = "scalars" if tag == "cost" else "images"
    summaries = [(3, [flow(["a", "b"])]), (step, [odd])]
    write(tmp_path / "bad", *summaries[:: -1 if is_first else 1])
    check(serve(tmp_path), "bad")


@fuzzed
@given(
    layers=st.lists(
        st.sampled_from(["a", "=1", "\ud800", "b\r=2", "\x1b[2J", "z" * 999]),
        min_size=1, max_size=4,
    ),
    values=st.lists(st.tuples(steps, st.floats(width=32)), min_size=1, max_size=4),
)  # fmt: skip
def test_any_step_value_and_layer_is_sent(tmp_path, layers, values):
    write(tmp_path / "good", (0, [flow(["a"])]))
    write(tmp_path / "bad", *((step, [flow(layers, norm)]) for step, norm in values))
    header = check(serve(tmp_path), "bad")
    assert header["error"] is None
    assert len(header["layers"]) == len(set(layers))


def content(layers):
    return json.dumps({"layers": layers, "quantities": ["norm_log10"]}).encode()


def peak_of(call):
    tracemalloc.start()
    found = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak


def test_an_overview_of_many_columns_takes_little_and_is_counted():
    columns = 2_000_000
    rows = np.broadcast_to(np.float32(0), (columns, 2))
    series = [payload.Series(content(["a"]), [], [Datum(5, 1.0, rows)])]
    records, peak = peak_of(lambda: payload.gather(series))
    assert records.steps.tolist() == [5]
    assert "1,999,000 more records of overviews left out" in records.note
    assert peak < 2**24


def test_layers_and_records_do_not_multiply_and_are_counted():
    count, layers = 100, 100_000
    names = [str(i) for i in range(layers)]
    table = np.broadcast_to(np.float32(0), (1, layers))
    data = [Datum(step, 1.0, table) for step in range(count)]
    overview = np.zeros((1_000, 1 + 300), np.float32)
    overview[:, 0] = np.arange(1_000)
    short = [str(-i) for i in range(300)]
    series = [
        payload.Series(content(names), data),
        payload.Series(content(short), [], [Datum(9_000, 1.0, overview)]),
    ]
    records, peak = peak_of(lambda: payload.gather(series))
    # The table as it is read, and filled forward.
    assert peak < 16 * payload.MAX_VALUES + 2**27
    assert len(records.layers) == joining.MAX_LAYERS
    assert "layers are shown" in records.note and "records are shown" in records.note
    assert records.tables.size <= payload.MAX_VALUES
    assert len(payload.encode(records, None)) < 500_000
    assert {0.0, 9_000.0} <= set(records.steps)


def test_a_table_for_a_spreadsheet_runs_nothing():
    records = payload.Records(
        ["=1", "a\r=2", " +3"], np.zeros(1),
        np.full((1, len(gradient_flow.QUANTITIES), 3), np.nan, np.float32), None,
    )  # fmt: skip
    rows = list(
        csv.reader(io.StringIO(csv_bytes("@run", records).decode(), newline=""))
    )
    assert [row[:3] for row in rows[1:]] == [
        ["'@run", "0", "'=1"], ["'@run", "0", "a =2"], ["'@run", "0", "' +3"],
    ]  # fmt: skip


def test_a_tensor_of_more_than_there_can_be_is_said_so(tmp_path):
    write(tmp_path / "good", (0, [flow(["a"])]))
    odd = flow(["a"])
    odd.tensor.Clear()
    odd.tensor.dtype = 1
    odd.tensor.tensor_shape.dim.add(size=2**60)
    odd.tensor.float_val.append(1)
    write(tmp_path / "bad", (0, [odd]))
    header = check(serve(tmp_path), "bad")
    assert header["error"]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_latest_diagnosis_is_that_of_the_file_whatever_the_clock_says(
    tmp_path, turn
):
    def event(step, verdict, wall_time, values=()):
        diagnosis = gradient_flow.diagnosis_value({"verdict": verdict})
        summary = summary_pb2.Summary(value=[*values, diagnosis])
        return event_pb2.Event(step=step, wall_time=wall_time, summary=summary)

    events = [
        event(0, "dead", 5e8, [flow(["a"])]),
        event(9, "healthy", 5e8 + turn * 9e4),
    ]
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "events.out.tfevents.1.x"
    path.write_bytes(b"".join(frame(e.SerializeToString()) for e in events))
    response = serve(tmp_path).get(f"{ROUTE}/flow?run=run")
    header, _ = decode(response.data)
    assert header["diagnosis"]["verdict"] == "healthy"


@pytest.mark.parametrize("route", ["runs", *ROUTES])
def test_no_route_falls_over_what_nobody_thought_of(tmp_path, monkeypatch, route):
    def fail(*arguments):
        raise RuntimeError("two\nlines\x1b[2J")

    write(tmp_path / "good", (0, [flow(["a"])]))
    client = serve(tmp_path)
    monkeypatch.setattr(GradientFlowPlugin, "_list", fail)
    response = client.get(f"{ROUTE}/{route}?run=good")
    assert response.status_code == 422
    assert response.text == "RuntimeError: two lines\ufffd[2J"


def test_the_version_of_a_run_of_many_series_fits_a_header(tmp_path):
    values = []
    for number in range(500):
        value = flow([f"layer{number}"])
        value.tag += f"-{number:08x}"
        values.append(value)
    write(tmp_path / "run", (0, values))
    client = serve(tmp_path)
    (run,) = client.get(f"{ROUTE}/runs").json["runs"]
    assert len(run["version"]) < 100
    assert client.get(f"{ROUTE}/flow?run=run").headers["ETag"] == f'"{run["version"]}"'
