import csv
import gzip
import io
import json
import logging
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from tensorboard.plugins import base_plugin

from deepxor.events import gradient_flow
from deepxor.events.writer import SummaryWriter
from deepxor.palette import RUN_COLOURS, RUN_DASHES, RUN_MARKERS, SLOPE, WEIGHT
from deepxor.plugin import payload, static_files
from deepxor.plugin.loader import GradientFlowLoader
from deepxor.quantities import in_tab
from deepxor.verdicts import VERDICTS, by_name
from tests.support.server import ROUTE, decode, get_flow, serve

LAYERS = ["layer1", "layer2", "out"]


class Datum(NamedTuple):
    step: int
    wall_time: float
    numpy: np.ndarray


def record(layers=3, norm=-2.0, zero=0.0, bad=0):
    return {
        "norm_log10": np.full(layers, norm),
        "zero_fraction": np.full(layers, zero),
        "non_finite": np.full(layers, bad),
    }


def write(folder, records, layers=LAYERS, diagnosis=None):
    writer = SummaryWriter(folder)
    for step, values in records.items():
        writer.flow(layers, values, step)
    if diagnosis:
        writer.flow_diagnosis(diagnosis, max(records))
    writer.close()
    return writer.path


def test_numbers_are_those_of_the_events(tmp_path):
    rng = np.random.default_rng(0)
    records = {
        step: {name: rng.uniform(0, 1, 3) for name in gradient_flow.QUANTITIES}
        for step in (0, 10, 20)
    }
    for values in records.values():
        values["non_finite"] = rng.integers(0, 9, 3)
    write(tmp_path / "a", records, diagnosis={"verdict": "healthy", "evidence": "e"})
    header, tables = get_flow(serve(tmp_path), "a")
    assert header["layers"] == LAYERS
    assert header["diagnosis"]["verdict"] == "healthy"
    assert tables["step"].tolist() == [0, 10, 20]
    for name in gradient_flow.QUANTITIES:
        wanted = [records[step][name] for step in records]
        np.testing.assert_allclose(tables[name], wanted, atol=0.003)
        if "log10" in name:
            np.testing.assert_allclose(tables[name], wanted, atol=2e-5)


def test_of_many_records_the_overview_and_a_sample_are_shown(tmp_path):
    records = {step: record(norm=-step / 1000) for step in range(0, 20_000, 10)}
    records[12_340]["non_finite"][1] = 7
    write(tmp_path / "a", records, diagnosis={"verdict": "healthy", "evidence": "e"})
    _, tables = get_flow(serve(tmp_path), "a")
    steps = tables["step"]
    assert {0.0, 12_340.0, 19_990.0} <= set(steps)
    assert len(steps) > 500 and (np.diff(steps) > 0).all()
    # A column is about 1/192 of the steps before it.
    assert (np.diff(steps) <= np.maximum(10, steps[1:] / 90)).all()
    wanted = np.array([records[step]["norm_log10"] for step in steps.astype(int)])
    np.testing.assert_allclose(tables["norm_log10"], wanted, atol=2e-4)


def test_csv_is_as_exact_as_the_events(tmp_path):
    rng = np.random.default_rng(1)
    # No fraction of 254, as the page has.
    count = 150
    zero = rng.uniform(0, 1, (count, 2)).astype(np.float32)
    layers = ["=1+1", 'say "a", b']
    records = {step: record(2) | {"zero_fraction": zero[step]} for step in range(count)}
    write(tmp_path / "+a", records, layers, {"verdict": "healthy", "evidence": "e"})
    response = serve(tmp_path).get(ROUTE + "/csv?run=%2Ba")
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [int(row["step"]) for row in rows] == [i // 2 for i in range(2 * count)]
    assert {(row["run"], row["layer"]) for row in rows} == {
        ("'+a", "'=1+1"),
        ("'+a", 'say "a", b'),
    }
    found = np.array([row["zero_fraction"] for row in rows], np.float32)
    np.testing.assert_array_equal(found.reshape(count, 2), zero)
    assert {row["dead_fraction"] for row in rows} == {""}


def test_runs_are_listed_and_a_known_version_is_not_sent_again(tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    write(tmp_path / hostile, {0: record(), 5: record()})
    client = serve(tmp_path)
    (run,) = client.get(f"{ROUTE}/runs").json["runs"]
    assert (run["name"], run["step"], run["layers"]) == (hostile, 5, 3)
    query = {"run": hostile}
    tag = client.get(f"{ROUTE}/flow", query_string=query).headers["ETag"]
    again = client.get(
        f"{ROUTE}/flow", query_string=query, headers={"If-None-Match": tag}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_only_the_table_of_files_is_served(tmp_path):
    client = serve(tmp_path)
    assert client.get(f"{ROUTE}/index.js").mimetype == "text/javascript"
    for path in ("/../plugin.py", "/%2e%2e/plugin.py", "/static/index.js", "/x.js"):
        assert client.get(ROUTE + path).status_code == 404
    assert client.get(f"{ROUTE}/flow").status_code == 400
    assert client.get(f"{ROUTE}/flow?run=../../etc").status_code == 404


def test_the_tab_stays_small():
    # TensorBoard compresses what it sends.
    files = (static_files.FOLDER / name for name in static_files.NAMES)
    sent = sum(len(gzip.compress(path.read_bytes())) for path in files)
    assert sent < 60_000


def test_a_truncated_file_shows_what_is_left(tmp_path):
    path = write(tmp_path / "a", {step: record() for step in range(9)})
    path.write_bytes(path.read_bytes()[:-20])
    _, tables = get_flow(serve(tmp_path), "a")
    assert tables["step"].tolist() == list(range(8))


def test_records_of_another_shape_are_left_out_and_counted(tmp_path):
    path = write(tmp_path / "a", {0: record()})
    writer = SummaryWriter(path.parent)
    odd = gradient_flow.flow_value(gradient_flow.table(5, record(5)))
    writer.add(lambda to: to.message.value.append(odd), 1)
    writer.close()
    header, tables = get_flow(serve(tmp_path), "a")
    assert tables["step"].tolist() == [0]
    assert header["note"].startswith("1 of 2 records left out")


def test_series_of_other_layers_are_joined(tmp_path):
    sparse = {"dead_fraction": np.array([0.25, 0.5, 0.75])}
    write(tmp_path / "a", {0: record(1, -1), 5: record(1, -1.5)}, layers=["out"])
    three = {10: record(3, -2) | sparse, 20: record(3, -3)}
    write(tmp_path / "a", three, layers=LAYERS)
    write(tmp_path / "a", {30: record(2, -4), 40: record(2, -4)}, layers=LAYERS[::2])
    write(tmp_path / "a", {50: record(3, -5)}, diagnosis={"verdict": "healthy"})
    client = serve(tmp_path)
    header, tables = get_flow(client, "a")
    assert (header["error"], header["note"]) == (None, None)
    assert header["layers"] == LAYERS
    assert header["diagnosis"]["verdict"] == "healthy"
    assert tables["step"].tolist() == [0, 5, 10, 20, 30, 40, 50]
    nan = np.nan
    norm = [[nan, nan, -1], [nan, nan, -1.5], [-2] * 3, [-3] * 3, [-4, nan, -4],
            [-4, nan, -4], [-5] * 3]  # fmt: skip
    np.testing.assert_allclose(tables["norm_log10"], norm, atol=1e-4)
    dead = [[nan] * 3] * 2 + [[0.25, 0.5, 0.75]] * 2 + [[0.25, nan, 0.75]] * 3
    np.testing.assert_allclose(tables["dead_fraction"], dead, atol=0.003)
    (run,) = client.get(f"{ROUTE}/runs").json["runs"]
    assert (run["step"], run["layers"]) == (50, 3)
    rows = csv.DictReader(io.StringIO(client.get(f"{ROUTE}/csv?run=a").text))
    cells = [row["norm_log10"] for row in rows]
    assert cells == ["" if np.isnan(v) else f"{v:.1f}" for v in np.ravel(norm)]


def test_of_many_records_every_series_has_its_overview(tmp_path):
    writer = SummaryWriter(tmp_path / "a")
    for step in range(6_000):
        layers = LAYERS[1:] if step < 3_000 else LAYERS
        writer.flow(layers, record(len(layers), -step / 1000), step)
    writer.flow_diagnosis({"verdict": "healthy"}, 5_999)
    writer.close()
    _, tables = get_flow(serve(tmp_path), "a")
    steps = tables["step"]
    assert {0.0, 5_999.0} <= set(steps)
    # A column is about 1/192 of the steps before it in its series, and of two that are
    # too many only one is shown.
    assert np.diff(steps).max() <= 5_999 / 90
    assert ((steps > 2_950) & (steps < 3_000)).any()
    assert ((steps >= 3_000) & (steps < 3_020)).any()
    wanted = np.tile(-steps[:, None] / 1000, 3)
    wanted[steps < 3_000, 0] = np.nan
    np.testing.assert_allclose(tables["norm_log10"], wanted, atol=2e-4)


def test_a_record_of_any_series_is_a_new_version(tmp_path):
    versions = []
    for step, layers in enumerate([LAYERS, LAYERS[:1], LAYERS]):
        write(tmp_path / "a", {0: record(len(layers))}, layers=layers)
        client = serve(tmp_path)
        (run,) = client.get(f"{ROUTE}/runs").json["runs"]
        tag = client.get(f"{ROUTE}/flow?run=a").headers["ETag"]
        assert tag == f'"{run["version"]}"'
        versions.append(run["version"])
        assert len(set(versions)) == step + 1


def test_a_series_that_cannot_be_read_leaves_the_others(tmp_path):
    path = write(tmp_path / "a", {0: record()})
    odd = gradient_flow.flow_value(
        gradient_flow.table(1, record(1)), ["x"], "-0123abcd"
    )
    odd.metadata.plugin_data.content = b"rubbish"
    foreign = gradient_flow.flow_value(
        gradient_flow.table(1, record(1)), ["x"], "-0123ABCD"
    )
    writer = SummaryWriter(path.parent)
    writer.add(lambda to: to.message.value.extend([odd, foreign]), 1)
    writer.close()
    header, tables = get_flow(serve(tmp_path), "a")
    assert header["layers"] == LAYERS and tables["step"].tolist() == [0]
    assert "does not name its layers" in header["note"]


@pytest.mark.parametrize("norm", [np.nan, np.inf, -12.0])
@pytest.mark.parametrize("layers", [1, 200])
def test_what_is_not_a_number_arrives(tmp_path, norm, layers):
    names = [f"layer{i}" for i in range(layers)]
    write(tmp_path / "a", {3: record(layers, norm, 1.0, 2)}, layers=names)
    header, tables = get_flow(serve(tmp_path), "a")
    assert header["layers"] == names
    np.testing.assert_array_equal(tables["norm_log10"], np.full((1, layers), norm))
    assert (tables["zero_fraction"] == 1).all()
    assert (tables["non_finite"] == 2).all()


def test_a_foreign_run_has_its_reason():
    with pytest.raises(payload.UnreadableRunError, match="does not name"):
        payload.gather([payload.Series(b"{}", [])])
    header, _ = decode(payload.encode_error("why"))
    assert header == {"error": "why"}


@pytest.mark.parametrize("layers", [11, 50, 200])
def test_payload_is_small_and_keeps_first_last_and_bad_records(layers):
    rng = np.random.default_rng(0)
    tables = rng.uniform(0.1, 0.9, (10_000, len(gradient_flow.QUANTITIES), layers))
    tables[:, gradient_flow.QUANTITIES.index("non_finite")] = 0
    tables[7777, gradient_flow.QUANTITIES.index("non_finite"), 0] = 1
    for row in gradient_flow.REPLICA_ROWS:  # as of an ordinary model
        tables[:, gradient_flow.QUANTITIES.index(row)] = np.nan
    content = {
        "layers": list(map(str, range(layers))),
        "quantities": gradient_flow.QUANTITIES,
    }
    series = [Datum(step, step, table) for step, table in enumerate(tables)]
    content = json.dumps(content).encode()
    records = payload.gather([payload.Series(content, series)])
    data = payload.encode(records, None)
    assert len(data) <= 200_000
    _, decoded = decode(data)
    assert {0.0, 7777.0, 9999.0} <= set(decoded["step"])
    assert (np.diff(decoded["step"]) > 0).all()


def test_of_records_of_one_step_the_latest_counts():
    content = json.dumps({"layers": ["a"], "quantities": ["norm_log10"]}).encode()
    values = ((5, 1), (0, 2), (5, 3))
    series = [Datum(step, time, np.full((1, 1), time)) for step, time in values]
    records = payload.gather([payload.Series(content, series)])
    assert records.steps.tolist() == [0, 5]
    assert records.tables[:, 0, 0].tolist() == [2, 3]


def test_the_tables_are_served_as_a_script(tmp_path):
    response = serve(tmp_path).get(f"{ROUTE}/drawing/tables.js")
    assert response.mimetype == "text/javascript"
    lines = response.text.splitlines()
    names = (
        "QUANTITIES",
        "VERDICTS",
        "RUN_COLOURS",
        "RUN_DASHES",
        "RUN_MARKERS",
        "FACTORS",
    )
    heads = [f"export const {name} = " for name in names]
    menu, colours, runs, dashes, markers, factors = (
        json.loads(line.removeprefix(head).removesuffix(";"))
        for line, head in zip(lines, heads, strict=True)
    )
    assert [row["label"] for row in menu] == [q.label for q in in_tab() if q.label]
    assert [row["id"] for row in menu if row["band"]] == ["norm_log10"]
    assert colours == {verdict.name: verdict.colour for verdict in VERDICTS}
    assert [tuple(dash) for dash in dashes] == [*RUN_DASHES]
    assert runs == [*RUN_COLOURS]
    assert markers == [*RUN_MARKERS]
    assert factors == {"slope": SLOPE, "weight": WEIGHT}


def test_no_script_and_no_style_names_a_verdict():
    for path in (static_files.FOLDER / name for name in static_files.NAMES):
        assert not re.search("|".join(by_name()), path.read_text()), path


def test_a_failure_never_reaches_tensorboard(caplog):
    with caplog.at_level(logging.WARNING):
        assert GradientFlowLoader().load(base_plugin.TBContext()) is None
        GradientFlowLoader().fix_flags(SimpleNamespace(samples_per_plugin=None))
    assert "There is no Gradient flow tab" in caplog.text


def test_the_users_number_of_samples_stands():
    flags = SimpleNamespace(samples_per_plugin={})
    GradientFlowLoader().fix_flags(flags)
    assert flags.samples_per_plugin == {"gradient_flow": 100}
    flags.samples_per_plugin["gradient_flow"] = 7
    GradientFlowLoader().fix_flags(flags)
    assert flags.samples_per_plugin == {"gradient_flow": 7}


def test_neither_tensorflow_nor_keras_is_needed():
    code = """
import sys
class Blocker:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("tensorflow", "keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
from tensorboard.plugins.base_plugin import TBContext
from deepxor.plugin.loader import GradientFlowLoader
assert GradientFlowLoader().load(TBContext(data_provider=object())) is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
