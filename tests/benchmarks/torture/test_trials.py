"""The program that tries to break deepxor: a few trials of it, and that it can fail."""

import random
import shutil
import signal

import pytest

from scripts.benchmarks.torture import damage, ends, files
from scripts.benchmarks.torture.kinds import KINDS
from scripts.benchmarks.torture.process import Ended, run
from scripts.benchmarks.torture.reference import RUN
from scripts.benchmarks.torture.soak import attempt, make_reference, plan, soak
from scripts.benchmarks.torture.trial import (
    FAULTS,
    LOST,
    SILENT,
    TRACEBACK,
    FaultError,
    Kind,
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return make_reference(tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_one_trial_of_each_kind_goes_well(kind, tmp_path, reference):
    outcome = attempt(kind, 1, tmp_path, reference)
    assert (outcome.fault, outcome.detail) == ("", "")
    assert outcome.word and list(tmp_path.iterdir()) == []


def test_the_shares_make_a_thousand():
    assert sum(kind.share for kind in KINDS) == 1000
    planned = plan(KINDS, 1000, 5)
    assert len(planned) == 1000
    for kind in KINDS:
        assert sum(each is kind for each, _ in planned) == kind.share
    assert sorted(seed for _, seed in planned) == list(range(5, 1005))
    assert len(plan(KINDS, 3, 0)) == 3


def ended(status=0, errors="", after=None):
    return Ended(status, "", errors, after)


@pytest.mark.parametrize(
    "wrong",
    [
        ended(1, "Traceback (most recent call last):\n  x\nValueError: x"),
        ended(0, "Exception ignored in ...\nTraceback"),
        ended(1, "two\nlines"),
        ended(1, ""),
        ended(-11),
        ended(139, "deepxor.train: x"),
    ],
)
def test_an_end_that_is_wrong_is_seen(wrong):
    with pytest.raises(FaultError) as error:
        wrong.check(0, 1)
    assert error.value.fault == TRACEBACK


def test_an_end_that_is_right_is_none():
    ended(0).check(0)
    ended(0, "one line of advice\n").check(0)
    ended(143, "deepxor.train: terminated\n").check(0, 143)
    assert ended(-15, after=0.01).is_too_early and not ended(-15, after=1).is_too_early


def test_a_command_that_does_not_end_is_seen():
    with pytest.raises(FaultError, match="does not end"):
        run("deepxor.playground", ["--port=0", "--nobrowser"], patience=0.5)


def test_a_signal_is_sent(tmp_path):
    found = run("deepxor.train", [f"--logdir={tmp_path}"], signal.SIGKILL, 0.01)
    assert found.status == -9 and found.after == 0.01


def test_every_way_of_damage_changes_a_file_and_never_fails(tmp_path):
    path = tmp_path / "file"
    content = bytes(range(1, 251)) * 20
    ways = set()
    for seed in range(200):
        path.write_bytes(content)
        ways.add(damage.damage(random.Random(seed), path))
        assert not path.exists() or path.read_bytes() != content
    assert ways == {*damage._WAYS, "remove"}


def test_what_is_lost_is_seen(tmp_path, reference):
    copied = shutil.copytree(reference.logdir, tmp_path / "logdir")
    ends._compare(copied, reference)
    (copied / "other").mkdir()
    with pytest.raises(FaultError, match="the logdir has"):
        ends._compare(copied, reference)
    (copied / "other").rmdir()
    file = next((copied / RUN).glob("events.*"))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(FaultError) as error:
        ends._compare(copied, reference)
    assert error.value.fault == LOST
    record = copied / RUN / "experiment.json"
    record.write_text(record.read_text().replace('"solved": ', '"solved": 1'))
    with pytest.raises(FaultError) as error:
        ends._compare(copied, reference)
    assert error.value.fault == SILENT


def test_a_run_that_is_resumed_in_silence_is_seen(tmp_path, reference, monkeypatch):
    def in_silence(*_):
        return ended(0)

    monkeypatch.setattr(files, "run", in_silence)
    (kind,) = (kind for kind in KINDS if kind.name == "event file")
    (outcome,) = soak([(kind, 3)], tmp_path, reference, 1)
    assert outcome.fault == SILENT


def test_an_error_of_the_trial_is_a_fault_and_its_folder_is_kept(tmp_path, reference):
    def fail(chance, folder, reference):
        (folder / "made").touch()
        raise ValueError("no such row")

    kind = Kind("a kind", "", 1, fail)
    outcome = attempt(kind, 7, tmp_path, reference)
    assert outcome.fault == TRACEBACK and "no such row" in outcome.detail
    assert (tmp_path / "a-kind-7" / "made").exists()
    assert {*FAULTS} == {LOST, TRACEBACK, SILENT}
