"""A run whose layers change: what is written, and what readers make of it."""

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from deepxor.events import gradient_flow
from deepxor.events.reader import event_files, flow_names, read_run
from deepxor.events.series import FlowSeries
from deepxor.events.writer import SummaryWriter

HEAD, BOTH = ["head"], ["base/b1", "head"]


def quantities(layers, norm=0.0, **more):
    zeros = np.zeros(len(layers))
    return {"norm_log10": zeros + norm, "non_finite": zeros} | {
        name: zeros + value for name, value in more.items()
    }


def write(folder, *phases, end=True):
    """Writes phases, (layers, steps) each, to one file."""
    writer = SummaryWriter(folder)
    for layers, steps in phases:
        for step in steps:
            writer.flow(layers, quantities(layers, step), step)
    if end:
        writer.flow_diagnosis({"verdict": "healthy"}, step)
    writer.close()
    return writer.path


def expected_suffix(layers):
    content = {"layers": layers, "quantities": list(gradient_flow.QUANTITIES)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "-" + hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("first", "then", "joined"),
    [
        (HEAD, BOTH, BOTH),
        (["a", "b", "c"], ["a", "c"], ["a", "b", "c"]),
        (["x", "y", "a"], ["a"], ["x", "y", "a"]),
        (["a", "b"], ["b", "a"], ["b", "a"]),
        (["a", "x", "b", "y"], ["b", "a"], ["b", "y", "a", "x"]),
        ([], ["a"], ["a"]),
        (["a", "b"], [], ["a", "b"]),
    ],
)
def test_layers_are_joined_in_forward_order(first, then, joined):
    assert gradient_flow.joined_layers(first, then) == joined


NAMES = st.lists(st.sampled_from("abcdefgh"))


@given(NAMES, NAMES)
def test_joined_layers_are_all_once_and_in_the_later_order(first, then):
    found = gradient_flow.joined_layers(first, then)
    assert len(found) == len(set(found)) and set(found) == {*first, *then}
    assert [n for n in found if n in then] == list(dict.fromkeys(then))


@pytest.mark.parametrize(
    ("tag", "suffix"),
    [
        (gradient_flow.TAG, ""),
        (gradient_flow.TAG + "-0123abcd", "-0123abcd"),
        (gradient_flow.TAG + "-0123abcde", None),
        (gradient_flow.TAG + "-0123ABCD", None),
        (gradient_flow.TAG + "-0123abcd\n", None),
        (gradient_flow.TAG + "-", None),
        (gradient_flow.OVERVIEW_TAG, None),
    ],
)
def test_only_tags_of_series_are_series(tag, suffix):
    assert gradient_flow.tag_suffix(tag) == suffix


def tags(values):
    return [value.tag for value in values]


def test_the_first_series_keeps_its_tags_and_others_have_their_names_hash():
    series = FlowSeries()
    assert tags(series.record(HEAD, quantities(HEAD), 0)) == [gradient_flow.TAG]
    suffix = expected_suffix(BOTH)
    # What the first has gathered comes before the second begins.
    assert tags(series.record(BOTH, quantities(BOTH), 1)) == [
        gradient_flow.OVERVIEW_TAG,
        gradient_flow.TAG + suffix,
    ]
    assert tags(series.diagnosis({}, 2)) == [
        gradient_flow.OVERVIEW_TAG + suffix,
        gradient_flow.DIAGNOSIS_TAG,
    ]
    assert tags(series.record(HEAD, quantities(HEAD), 3)) == [gradient_flow.TAG]
    assert tags(series.diagnosis({}, 3)) == [
        gradient_flow.OVERVIEW_TAG,
        gradient_flow.DIAGNOSIS_TAG,
    ]


@pytest.mark.parametrize(
    ("existing", "is_first"),
    [
        (None, True),
        ((gradient_flow.QUANTITIES, tuple(BOTH)), True),
        ((gradient_flow.QUANTITIES, tuple(HEAD)), False),
        ((gradient_flow.QUANTITIES[:-1], tuple(BOTH)), False),
    ],
)
def test_a_writer_needs_to_know_the_first_series_only(existing, is_first):
    (value,) = FlowSeries(existing).record(BOTH, quantities(BOTH), 0)
    assert value.tag == gradient_flow.TAG + ("" if is_first else expected_suffix(BOTH))
    assert gradient_flow.names(value.metadata.plugin_data.content) == (
        gradient_flow.QUANTITIES,
        tuple(BOTH),
    )


def test_a_series_has_its_names_once_a_file():
    series = FlowSeries()
    named = [
        value.HasField("metadata")
        for step, layers in enumerate([HEAD, BOTH, HEAD, BOTH])
        for value in series.record(layers, quantities(layers), step)
        if value.tag.startswith(gradient_flow.TAG)
    ]
    assert named == [True, True, False, False]


@pytest.mark.parametrize("files", [1, 2])
def test_readers_join_the_series(tmp_path, files):
    phases = [(HEAD, range(3)), (BOTH, range(3, 6))]
    for part in [phases] if files == 1 else [[phase] for phase in phases]:
        write(tmp_path, *part)
    found = read_run(tmp_path).flow
    assert found.layers == tuple(BOTH)
    assert found.steps.tolist() == list(range(6))
    nan = np.nan
    wanted = [[nan, 0], [nan, 1], [nan, 2], [3, 3], [4, 4], [5, 5]]
    np.testing.assert_array_equal(found.quantities["norm_log10"], wanted)
    assert found.tables.shape == (6, len(gradient_flow.QUANTITIES), 2)


def test_of_a_step_in_two_series_the_later_counts_layer_by_layer(tmp_path):
    write(tmp_path, (["a", "b"], [0, 1]))
    writer = SummaryWriter(tmp_path)
    writer.flow(["b", "c"], quantities("bc", -5), 1)
    writer.flow(["a", "b"], quantities("ab", -7), 0)
    writer.close()
    found = read_run(tmp_path).flow
    assert found.layers == ("a", "b", "c")
    np.testing.assert_array_equal(
        found.quantities["norm_log10"], [[-7, -7, np.nan], [1, -5, -5]]
    )


def test_a_quantity_that_a_series_lacks_is_not_a_number(tmp_path):
    writer = SummaryWriter(tmp_path)
    old = gradient_flow.flow_value(np.zeros((2, 1), np.float32), HEAD)
    content = {"layers": HEAD, "quantities": ["zero_fraction", "norm_log10"]}
    old.metadata.plugin_data.content = json.dumps(content).encode()
    writer.add(lambda to: to.message.value.append(old), 0)
    writer.close()
    assert flow_names(tmp_path) == (("zero_fraction", "norm_log10"), ("head",))
    write(tmp_path, (HEAD, [1]))
    found = read_run(tmp_path).flow
    assert found.steps.tolist() == [0, 1]
    np.testing.assert_array_equal(found.quantities["norm_log10"], [[0], [1]])
    np.testing.assert_array_equal(found.quantities["non_finite"], [[np.nan], [0]])


def test_nothing_stands_over_a_phase_without_the_layer():
    tables = np.stack([gradient_flow.table(1, {}) for _ in range(6)])
    for record in (0, 1, 4, 5):
        tables[record] = gradient_flow.table(1, quantities(HEAD))
    row = gradient_flow.QUANTITIES.index("dead_fraction")
    tables[0, row], tables[5, row] = 0.5, 0.25
    filled = gradient_flow.filled_forward(tables)
    nan = np.nan
    np.testing.assert_array_equal(filled[:, row, 0], [0.5, 0.5, nan, nan, nan, 0.25])
    assert np.isnan(filled[2:4]).all()
    assert gradient_flow.not_recorded(tables)[:, 0].tolist() == [0, 0, 1, 1, 0, 0]
    assert gradient_flow.non_finite_layers(tables).tolist() == [0] * 6


def test_names_are_those_of_the_first_series(tmp_path):
    assert flow_names(tmp_path / "not there") is None
    assert flow_names(tmp_path) is None
    write(tmp_path, (HEAD, [0]), (BOTH, [1]))
    write(tmp_path, (BOTH, [2]))
    assert flow_names(tmp_path) == (gradient_flow.QUANTITIES, ("head",))


def framed(record):
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked_crc32c(length)) + record + b"\0" * 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish" * 10,
        framed(b"rubbish " + gradient_flow.TAG.encode()),
        # An honest checksum of a length that no memory holds.
        struct.pack("<QI", 2**60, masked_crc32c(struct.pack("<Q", 2**60))) + b"x" * 99,
    ],
)
def test_damaged_files_have_no_names_and_hide_none(tmp_path, content):
    (tmp_path / "events.out.tfevents.0").write_bytes(content)
    (tmp_path / "events.out.tfevents.1").mkdir()
    assert flow_names(tmp_path) is None
    path = write(tmp_path, (HEAD, [0]))
    assert flow_names(tmp_path) == (gradient_flow.QUANTITIES, ("head",))
    path.write_bytes(path.read_bytes()[:60])
    assert flow_names(tmp_path) is None


def test_a_writer_of_a_folder_goes_on_with_its_first_series(tmp_path):
    for layers in (HEAD, BOTH, HEAD):
        write(tmp_path, (layers, [0]))
    found = []
    for path in event_files(tmp_path):
        content = path.read_bytes()
        found.append(gradient_flow.TAG.encode() + b"-" in content)
    assert found == [False, True, False]
