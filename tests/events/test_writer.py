import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.histogram import summary_v2 as histogram_summary

from deepxor.events import gradient_flow
from deepxor.events.histogram import count, count_each
from deepxor.events.reader import event_files, read_run
from deepxor.events.writer import SummaryWriter

RNG = np.random.default_rng(0)


def read(run_dir):
    accumulator = EventAccumulator(str(run_dir), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def tensors(run_dir, tag):
    return {
        event.step: tf.make_ndarray(event.tensor_proto)
        for event in read(run_dir).Tensors(tag)
    }


def test_every_kind_is_read_back_by_tensorboard(tmp_path):
    writer = SummaryWriter(tmp_path)
    values = RNG.normal(size=(7, 5)).astype(np.float32)
    pixels = RNG.integers(0, 255, (6, 4, 3), np.uint8)
    writer.scalar("cost", 0.25, 3)
    writer.add(lambda to: to.histograms({"weights": values}), 3)
    counts = np.array([0, 2, 1, 0])
    writer.add(lambda to: to.histogram_counts("counts", np.arange(5.0), counts), 3)
    writer.add(lambda to: to.image("picture", pixels), 3)
    writer.text("words", "# said", 3)
    chart = layout_pb2.Chart(title="one")
    writer.add(lambda to: to.custom_scalars([chart], "charts"), 3)
    writer.close()

    plugins = {
        tag: read(tmp_path).SummaryMetadata(tag).plugin_data.plugin_name
        for tag in read(tmp_path).Tags()["tensors"]
    }
    assert plugins == {
        "cost": "scalars",
        "weights": "histograms",
        "counts": "histograms",
        "picture": "images",
        "words": "text",
        "custom_scalars__config__": "custom_scalars",
    }
    assert read_run(tmp_path).scalars == {"cost": {3: 0.25}}
    assert tensors(tmp_path, "weights")[3][:, 2].sum() == values.size
    assert tensors(tmp_path, "counts")[3].tolist() == [[1, 2, 2], [2, 3, 1]]
    width, height, png = tensors(tmp_path, "picture")[3]
    assert (width, height) == (b"4", b"6")
    np.testing.assert_array_equal(tf.io.decode_png(png), pixels)


def test_a_step_is_one_event(tmp_path):
    writer = SummaryWriter(tmp_path)
    for step in range(3):
        for tag in "abc":
            writer.scalar(tag, step, step)
    writer.close()
    (path,) = event_files(tmp_path)
    steps = [event.step for event in tf.compat.v1.train.summary_iterator(str(path))]
    assert steps == [0, 0, 1, 2]  # the first is the file's version


def test_flush_lets_a_reader_see_it(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.scalar("cost", 1.0, 0)
    writer.flush()
    assert read_run(tmp_path).scalars == {"cost": {0: 1.0}}
    writer.close()


def test_two_writers_do_not_share_a_file(tmp_path):
    for value in (1.0, 2.0):
        writer = SummaryWriter(tmp_path)
        writer.scalar("cost", value, int(value))
        writer.close()
    assert read_run(tmp_path).scalars == {"cost": {1: 1.0, 2: 2.0}}


def test_files_of_one_second_are_read_in_the_order_they_were_made(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("deepxor.events.event_file._file_number", itertools.count(9))
    monkeypatch.setattr("deepxor.events.writer.time.time", lambda: 1.7e9)
    for value in (1.0, 2.0):
        writer = SummaryWriter(tmp_path)
        writer.scalar("cost", value, 0)
        writer.close()
    written = read(tmp_path).Tensors("cost")
    assert [tf.make_ndarray(event.tensor_proto) for event in written] == [1, 2]


def test_an_error_of_the_worker_reaches_the_caller(tmp_path):
    writer = SummaryWriter(tmp_path)

    def draw(summary):
        raise OSError("no picture")

    writer.add(draw, 0)
    for method in (writer.flush, writer.close):
        with pytest.raises(OSError, match="no picture"):
            method()


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=1000),
        np.zeros(5),
        np.array([3.0]),
        np.array([1.0, 2.0]),
        np.array([1e30, -1e30]),
    ],
)
def test_counts_are_those_of_tensorboards_own_histogram(values):
    values = values.astype(np.float32)
    edges, counts = count(values, 30)
    expected = tf.make_ndarray(
        histogram_summary.histogram_pb("x", values).value[0].tensor
    )
    assert counts.sum() == values.size == expected[:, 2].sum()
    assert edges[0] == expected[0, 0] and edges[-1] == expected[-1, 1]
    if len(counts) == 30:
        # A value within rounding of an edge may count on either side of it.
        assert np.abs(counts - expected[:, 2]).sum() <= 4


def test_what_is_not_finite_is_left_out_of_a_histogram():
    values = np.array([np.nan, 1, 2, np.inf, -np.inf], np.float32)
    edges, counts = count(values, 2)
    assert (edges[0], edges[-1], counts.sum()) == (1, 2, 2)
    _, counts = count(np.array([np.nan], np.float32), 2)
    assert counts.sum() == 0


@pytest.mark.parametrize("values", [[-3e38, 3e38], [0, 3e-38], [0, 1e-45]])
def test_numbers_at_the_ends_of_float32_do_not_break_a_histogram(values):
    edges, counts = count(np.array(values, np.float32), 30)
    assert counts.sum() == 2 and np.isfinite(edges).all()


@pytest.mark.parametrize("hole", [None, np.nan, np.inf])
def test_many_arrays_are_counted_as_each_by_itself(hole):
    one = np.float32(1)
    arrays = [
        RNG.normal(size=(4, 30)).astype(np.float32),
        np.full((3, 2), np.float32(-0.7)),
        np.array([one, np.nextafter(one, np.float32(2))]),
        np.zeros((1, 1), np.float32),
        np.array([-3e38, 3e38], np.float32),
        np.array([0, 1e-45], np.float32),
        RNG.uniform(-5, -4, 1000).astype(np.float32),
    ]
    if hole is not None:
        arrays[0][1, 2] = hole
    for array, edges, counts in zip(arrays, *count_each(arrays, 30), strict=True):
        expected_edges, expected_counts = count(array, 30)
        # NumPy rounds many ranges at once otherwise than one.
        np.testing.assert_allclose(edges, expected_edges, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(counts, expected_counts)


def test_neighbouring_numbers_do_not_break_a_histogram():
    one = np.float32(1)
    values = np.array([one, np.nextafter(one, np.float32(2))])
    assert count(values, 30)[1].sum() == 2


@pytest.mark.parametrize("content", [b"", b"foreign", b"\x00" * 100, b"\xff" * 100])
def test_a_foreign_file_has_no_scalars(tmp_path, content):
    (tmp_path / "events.out.tfevents.1.host").write_bytes(content)
    assert read_run(tmp_path).scalars == {}


def test_a_flow_record_is_one_tensor_with_its_layers_in_the_metadata(tmp_path):
    writer = SummaryWriter(tmp_path)
    norms = np.array([-3.5, np.nan], np.float32)
    writer.flow(["a/b", "<i>"], {"norm_log10": norms}, 7)
    writer.flow_diagnosis({"verdict": "dead", "layer": None}, 7)
    writer.close()
    accumulator = read(tmp_path)
    metadata = accumulator.SummaryMetadata(gradient_flow.TAG)
    assert metadata.plugin_data.plugin_name == gradient_flow.PLUGIN_NAME
    assert json.loads(metadata.plugin_data.content)["layers"] == ["a/b", "<i>"]
    (event,) = accumulator.Tensors(gradient_flow.TAG)
    table = tf.make_ndarray(event.tensor_proto)
    assert event.step == 7 and table.shape == (len(gradient_flow.QUANTITIES), 2)
    np.testing.assert_array_equal(
        table[gradient_flow.QUANTITIES.index("norm_log10")], norms
    )
    assert np.isnan(table).sum() == table.size - 1
    (event,) = accumulator.Tensors(gradient_flow.DIAGNOSIS_TAG)
    text = tf.make_ndarray(event.tensor_proto).item()
    assert json.loads(text) == {"verdict": "dead", "layer": None}


def test_nothing_is_called_after_what_could_not_be_written(tmp_path):
    writer, called = SummaryWriter(tmp_path), []

    def fail(summary):
        raise OSError("full")

    writer.after(lambda: called.append("before"))
    writer.add(fail, 1)
    writer.after(lambda: called.append("after"))
    with pytest.raises(OSError, match="full"):
        writer.close()
    assert called == ["before"]
