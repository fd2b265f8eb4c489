"""Event files that are written without TensorFlow, as TensorBoard reads them."""

import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import summary_pb2

from deepxor.events.event_file import EventFile, add_png, add_scalar
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
