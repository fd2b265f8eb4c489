"""Which process trains which chunk."""

import multiprocessing
import os

from deepxor.sweeps.axis import Axis
from deepxor.sweeps.engines.lanes import Lanes
from deepxor.sweeps.sweep import Sweep
from tests.sweeps.toy import ToyTask


def process_of(chunk):
    return [{"process": os.getpid(), "kind": chunk.kind, "number": chunk.number}]


def trained(sweep, count):
    lanes = Lanes(count, multiprocessing.get_context("spawn"))
    try:
        futures = lanes.submit(process_of, sweep.chunks)
        rows = [future.result()[0] for future in futures]
    finally:
        lanes.shutdown()
    assert [row["number"] for row in rows] == [c.number for c in sweep.chunks]
    return rows


def test_chunks_of_a_kind_have_one_number_and_kinds_differ():
    sweep = Sweep(ToyTask(), (Axis("depth", (1, 2, 3)),), 9)
    assert [chunk.kind for chunk in sweep.chunks] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_process_keeps_to_its_kind_while_there_are_others():
    sweep = Sweep(ToyTask(), (Axis("depth", tuple(range(1, 9))),), 20)
    rows = trained(sweep, 2)
    processes = {row["process"] for row in rows}
    assert len(processes) == 2
    pairs = {(row["process"], row["kind"]) for row in rows}
    # The last kind of all may be shared, when no other is left.
    assert len(pairs) <= len({row["kind"] for row in rows}) + 1


def test_one_kind_is_shared():
    sweep = Sweep(ToyTask(), (Axis("width", (1, 2)),), 40)
    assert len({row["process"] for row in trained(sweep, 2)}) == 2
