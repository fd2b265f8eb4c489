"""Event files that are written without TensorFlow, as TensorBoard reads them."""

import subprocess
import sys
import time
from unittest import mock

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import summary_pb2

from deepxor.events.event_file import (
    EventFile,
    add_png,
    add_scalar,
    event_file_name,
)
from deepxor.events.reader import read_run
from deepxor.events.writer import SummaryWriter

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def write(folder):
    with EventFile(folder) as file:
        for step, value in ((3, 1.5), (4, np.nan)):
            summary = summary_pb2.Summary()
            add_scalar(summary, "cost", value)
            add_png(summary, "map", tf.io.encode_png(PIXELS).numpy())
            file.write(summary, step)


def test_tensorboard_reads_the_scalars_and_the_pictures(tmp_path):
    write(tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert [event.step for event in events.Tensors("cost")] == [3, 4]
    values = [tf.make_ndarray(event.tensor_proto) for event in events.Tensors("cost")]
    np.testing.assert_array_equal(values, [1.5, np.nan])
    width, height, png = tf.make_ndarray(events.Tensors("map")[0].tensor_proto)
    assert (width, height) == (b"7", b"5")
    np.testing.assert_array_equal(tf.io.decode_png(png), PIXELS)


def test_plugins_are_those_of_the_other_writer(tmp_path):
    write(tmp_path / "a")
    writer = SummaryWriter(tmp_path / "b")
    writer.scalar("cost", 1.5, 3)
    writer.add(lambda summary: summary.image("map", PIXELS), 3)
    writer.close()
    a, b = (EventAccumulator(str(tmp_path / name)).Reload() for name in "ab")
    for tag in ("cost", "map"):
        assert a.SummaryMetadata(tag) == b.SummaryMetadata(tag)


def test_no_tensorflow_is_loaded():
    code = (
        "import sys; import deepxor.events.event_file, deepxor.sweeps.hparams; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


TIMES = st.floats(-1e9, 2e10)


@given(st.lists(TIMES, min_size=1, max_size=6), st.lists(st.integers(0, 9_999_999_000)))
def test_no_clock_turns_the_order_of_files(times, earlier):
    names = [f"events.out.tfevents.{seconds:010d}.host" for seconds in earlier]
    names = sorted({*names, "events.out.tfevents.x.host"})
    with mock.patch("time.time") as clock:
        for clock.return_value in times:
            names.append(event_file_name(names))
    own = names[-len(times) :]
    assert sorted(own) == own
    numbered = [name for name in names if name.split(".")[3].isdigit()]
    assert sorted(numbered)[-len(times) :] == own


def test_tensorboard_reads_all_of_a_run_although_the_clock_was_set_back(tmp_path):
    now = time.time()
    for start, days in ((0, 0), (5, -2), (10, -4)):
        with mock.patch("time.time", return_value=now + days * 86_400):
            writer = SummaryWriter(tmp_path)
            for step in range(start, start + 5):
                writer.scalar("cost", step, step)
            writer.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    found = events.Tensors("cost")
    assert [event.step for event in found] == list(range(15))
    times = [event.wall_time for event in found]
    assert times == sorted(times)


def test_a_link_to_nowhere_among_the_files_is_none_of_the_writers_business(tmp_path):
    (tmp_path / "events.out.tfevents.1.host").symlink_to(tmp_path / "nowhere")
    write(tmp_path)
    writer = SummaryWriter(tmp_path)
    writer.scalar("cost", 1.0, 9)
    writer.close()
    assert list(read_run(tmp_path).scalars["cost"]) == [3, 4, 9]
