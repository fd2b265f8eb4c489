"""What a sweep leaves beside its networks."""

import csv
import struct

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepxor.sweeps import outputs as module
from deepxor.sweeps.outputs import Outputs, cells_csv
from tests.sweeps.toy import toy_rows, toy_sweep


@pytest.fixture
def sweep():
    return toy_sweep()


def all_rows(sweep):
    return [row for chunk in sweep.chunks for row in toy_rows(sweep, chunk)]


def pictures(folder):
    return EventAccumulator(str(folder)).Reload().Tensors("map")


def test_the_map_is_a_picture_at_the_step_of_its_networks(tmp_path, sweep):
    rows = all_rows(sweep)
    Outputs(sweep, tmp_path).finish(rows, has_trained=True)
    (event,) = pictures(tmp_path)
    width, height, png = event.tensor_proto.string_val
    assert event.step == len(rows) == 18
    assert png == (tmp_path / "map.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (int(width), int(height))


def test_what_is_complete_is_not_written_into_event_files_again(tmp_path, sweep):
    rows, hparams = all_rows(sweep), tmp_path / "hparams"
    (tmp_path / "sweep").mkdir()
    for _ in range(2):
        # As if the command had been killed after the last network, and begun again.
        Outputs(sweep, tmp_path / "sweep", hparams).finish(rows, has_trained=False)
    assert len(pictures(tmp_path / "sweep")) == 1
    assert len(list(hparams.glob("*/*.tfevents.*"))) == 6


def test_the_map_grows_while_the_sweep_runs(tmp_path, sweep, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(module, "SHARE", 1e9)
    outputs, rows = Outputs(sweep, tmp_path), all_rows(sweep)
    outputs.refresh(rows[:6])
    half = (tmp_path / "map.png").read_bytes()
    outputs.refresh(rows[:12])
    outputs.finish(rows, has_trained=True)
    assert [event.step for event in pictures(tmp_path)] == [6, 12, 18]
    assert half != (tmp_path / "map.png").read_bytes()


def test_the_map_is_not_drawn_all_the_time(tmp_path, sweep):
    Outputs(sweep, tmp_path).refresh(all_rows(sweep))
    assert not list(tmp_path.iterdir())


def test_the_table_has_nothing_where_a_number_is_not_known(sweep):
    rows = all_rows(sweep)[:3]
    text = cells_csv(sweep.cells(rows))
    table = list(csv.DictReader(text.splitlines()))
    assert len(table) == 6
    empty = [row for row in table if row["networks"] == "0"]
    assert empty and all(row["score"] == row["cost"] == "" for row in empty)
