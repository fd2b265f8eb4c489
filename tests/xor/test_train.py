"""Whole runs: stopped, killed, resumed."""

import resource
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deepxor
from deepxor.events.reader import read_run
from deepxor.record_steps import is_power_of_two, is_record
from deepxor.runs.folder import RunError
from deepxor.xor.run import FINISHED, INTERRUPTED, KILLED, Run
from deepxor.xor.train import plan_batches, train
from tests.support.small_run import comparable, events_of, small

TRAIN = [sys.executable, "-m", "deepxor.train", "--quiet", "--activation=relu"]
# Long enough to be stopped three times.
WHOLE = ["--num_steps=40001", "--replicas=20", "--log_every=1000"]


@given(
    st.integers(0, 3000), st.integers(1, 3000), st.integers(1, 500), st.integers(1, 500)
)
def test_batches_end_on_every_record_and_take_every_step(
    start, num_steps, log_every, most
):
    batches = plan_batches(start, num_steps, log_every, most)
    assert sum(batches) == max(0, num_steps - start)
    assert all(1 <= batch <= most for batch in batches)
    last_steps = set(start + np.cumsum(batches) - 1)
    records = {s for s in range(start, num_steps) if is_record(s, log_every)}
    assert records <= last_steps
    # Of a power of two the weights before it are known.
    sizes = dict(zip((start + np.cumsum(batches) - 1).tolist(), batches, strict=True))
    assert all(sizes[step] == 1 for step in records if is_power_of_two(step))


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """A run of `small()`."""
    return deepxor.train_experiment(small(), tmp_path_factory.mktemp("small"))


def test_train_experiment_returns_what_it_wrote(small_run):
    run = small_run
    assert run.status == FINISHED
    assert Run.load(run.path).results == run.results
    assert run.results["steps"] == 301
    assert sorted(path.suffix for path in run.path.iterdir())[-1] == ".json"
    scalars = read_run(run.path).scalars
    records = [step for step in range(301) if is_record(step, 50)]
    assert list(scalars["cost"]) == records
    assert run.results["cost"] == pytest.approx(scalars["cost"][300])


def test_the_last_step_is_a_record(tmp_path):
    run = deepxor.train_experiment(small(num_steps=275), tmp_path)
    scalars = read_run(run.path).scalars
    for tag in ("cost", "solved", "gradient_norm_log10/layer1"):
        assert list(scalars[tag]) == [*(s for s in range(274) if is_record(s, 50)), 274]


def test_two_runs_of_the_same_settings_are_the_same_to_the_bit(small_run):
    first, second = small_run, deepxor.train_experiment(small(), small_run.path.parent)
    assert (first.name, second.name) == ("deep-relu", "deep-relu-2")
    assert comparable(first.results) == comparable(second.results)
    assert events_of(first.path) == events_of(second.path)


def test_a_run_where_every_replica_diverges_still_ends_and_says_so(tmp_path):
    experiment = small(hidden_units=(16,) * 10, initializer="normal", learning_rate=1e6)
    run = deepxor.train_experiment(experiment, tmp_path)
    assert run.results["diverged"] == 8
    assert run.results["cost"] is None
    assert run.results["verdict"] == "exploding"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    logdir = tmp_path_factory.mktemp("whole")
    subprocess.run([*TRAIN, f"--logdir={logdir}", *WHOLE], check=True)
    return Run.load(logdir / "deep-relu")


def interrupt(command, checkpoint, number):
    """Starts a command and sends it a signal once it has written a checkpoint."""

    def written():
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else None

    before = written()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while written() == before:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


# One after the other, so that what has been resumed is stopped again.
STOPS = (
    (signal.SIGINT, INTERRUPTED, 130),
    (signal.SIGTERM, INTERRUPTED, 143),
    (signal.SIGKILL, KILLED, -9),
)


def test_a_stopped_run_resumes_to_the_same_bits(tmp_path, whole):
    path = tmp_path / "deep-relu"
    command = [*TRAIN, f"--logdir={tmp_path}", *WHOLE]
    resume = [*command, "--resume"]
    for number, status, code in STOPS:
        start = resume if path.exists() else command
        returned, errors = interrupt(start, path / "checkpoint.npz", number)
        assert returned == code and "Traceback" not in errors
        assert Run.load(path).status == status
        assert read_run(path).scalars["cost"]
        compare = subprocess.run(
            [sys.executable, "-m", "deepxor.compare", str(tmp_path)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert status in compare and "deep-relu" in compare

    subprocess.run(resume, check=True)
    resumed = Run.load(path)
    assert resumed.status == FINISHED
    assert comparable(resumed.results) == comparable(whole.results)
    assert resumed.results["seconds"] > 0
    events = events_of(path)
    keys = [(step, tag) for step, tag, _ in events]
    assert len(keys) == len(set(keys)), "a step was written twice"
    assert events == events_of(whole.path)
    assert len(list(tmp_path.iterdir())) == 1


class SignalAtOnce(keras.callbacks.Callback):
    """Sends SIGINT while the first batch, which has no step, is compiled."""

    def on_train_begin(self, logs=None):
        signal.raise_signal(signal.SIGINT)


def test_a_run_stopped_before_its_first_step_resumes(tmp_path, small_run):
    run = Run.create(tmp_path, small())
    assert train(run, [SignalAtOnce()]) == signal.SIGINT
    run.close()
    assert Run.load(run.path).status == INTERRUPTED
    assert run.results["steps"] == 0
    # Nothing is known of them.
    assert run.results["dead"] is None and run.results["first_gradient"] is None
    resumed = Run.resume(tmp_path, small())
    assert train(resumed) is None
    resumed.close()
    assert events_of(resumed.path) == events_of(small_run.path)
    assert comparable(resumed.results) == comparable(small_run.results)


def test_a_run_killed_before_its_first_checkpoint_starts_over(tmp_path, small_run):
    experiment = small()
    Run.create(tmp_path, experiment).close()
    stray = tmp_path / "deep-relu" / "events.out.tfevents.0000000001.host.1.0"
    stray.write_bytes(b"half an eve")
    run = Run.resume(tmp_path, experiment)
    train(run)
    run.close()
    assert not stray.exists()
    assert events_of(run.path) == events_of(small_run.path)


def test_ctrl_c_ends_a_loop_over_experiments_too(tmp_path):
    code = (
        "import sys, deepxor\n"
        "for seed in range(3):\n"
        "    e = deepxor.Experiment(seed=seed, num_steps=10**8, replicas=5)\n"
        "    deepxor.train_experiment(e, sys.argv[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "deep-sigmoid" / "checkpoint.npz").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert [path.name for path in tmp_path.iterdir()] == ["deep-sigmoid"]
    assert Run.load(tmp_path / "deep-sigmoid").status == INTERRUPTED


def test_a_broken_checkpoint_is_named(tmp_path):
    run = Run.create(tmp_path, small())
    (run.path / "checkpoint.npz").write_bytes(b"half")
    with pytest.raises(RunError, match=r"broken .*checkpoint\.npz"):
        train(run)
    run.close()


def test_a_full_disk_is_one_clear_line_and_no_finished_run(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    process = subprocess.run(
        [*TRAIN, f"--logdir={tmp_path}"],
        preexec_fn=limit, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert "File too large" in process.stderr
    assert Run.load(tmp_path / "deep-relu").status != FINISHED
