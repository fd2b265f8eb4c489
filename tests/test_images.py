"""The table of activations and initializers, from outside."""

import csv
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepxor.events import gradient_flow
from deepxor.events.reader import read_run

TRAINS = ("relu", "maxout")
OTHERS = ("orthogonal", "orthogonal_scaled", "glorot", "he")
# Enough epochs for the ReLU family to leave the guess.
LSUV = ["--seeds=1", "--epochs=12", "--initializers=lsuv"]
LSUV.append(f"--activations={','.join((*TRAINS, 'sigmoid'))}")
# Where its gradient goes, one sees in the first epoch.
SIGMOID = ["--seeds=1", "--epochs=1", "--activations=sigmoid"]
SIGMOID.append(f"--initializers={','.join(OTHERS)}")


def images(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.images", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def networks(folder):
    """Returns the rows of a table's networks by initializer and activation."""
    rows = csv.DictReader((folder / "networks.csv").read_text().splitlines())
    return {(row["initializer"], row["activation"]): row for row in rows}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("images")
    tables = {}
    for name, settings in (("lsuv", LSUV), ("sigmoid", SIGMOID)):
        folder = logdir / name / "digits-fitnet4"
        done = images(*settings, f"--logdir={logdir / name}")
        assert (done.returncode, done.stderr) == (0, "")
        rows = csv.DictReader((folder / "table.csv").read_text().splitlines())
        tables[name] = folder, done.stdout, list(rows)
    return tables


def test_with_lsuv_the_relu_family_and_maxout_train_and_sigmoid_does_not(table):
    folder, printed, rows = table["lsuv"]
    *others, sigmoid = rows
    assert [row["column"] for row in others] == list(TRAINS)
    for row in others:
        assert float(row["mean"]) > 60
        assert row["verdict"] == "healthy"
    assert (sigmoid["converged"], sigmoid["verdict"]) == ("0", "vanishing")
    assert "n/c" in printed and "vanishing" in printed
    assert "n/c" in (folder / "table.html").read_text()
    results = networks(folder)["lsuv", "sigmoid"]
    assert results["layer"] == "conv1" and "decades are lost" in results["evidence"]


def test_sigmoids_gradient_vanishes_with_every_other_initializer(table):
    _, _, rows = table["sigmoid"]
    assert [row["row"] for row in rows] == list(OTHERS)
    assert {(row["converged"], row["verdict"]) for row in rows} == {("0", "vanishing")}


def test_every_trial_is_a_run_with_cost_accuracy_flow_and_hparams(table):
    folder, *_ = table["lsuv"]
    for activation in (*TRAINS, "sigmoid"):
        path = folder / f"{activation}-lsuv"
        events = read_run(path)
        for tag in ("accuracy", "cost/test", "accuracy/test"):
            assert len(events.scalars[tag]) == 12
        assert list(events.scalars["cost"]) == events.flow.steps.tolist()
        results = networks(folder)["lsuv", activation]
        last = list(events.scalars["accuracy/test"].values())[-1]
        assert float(results["accuracy"]) == pytest.approx(last)
        assert events.flow.layers == (*(f"conv{i + 1}" for i in range(17)),
                                      "hidden", "logits")  # fmt: skip
        assert events.diagnosis["verdict"] == results["verdict"]
        tags = EventAccumulator(str(path)).Reload().Tags()["tensors"]
        assert gradient_flow.TAG in tags and "_hparams_/session_start_info" in tags


def test_what_has_been_trained_is_kept(table):
    folder, printed, _ = table["sigmoid"]
    before = (folder / "networks.csv").read_bytes()
    events = sorted(folder.glob("*/*.tfevents.*"))
    # No process of its own, so no TensorFlow.
    again = images(*SIGMOID, f"--logdir={folder.parent}")
    assert again.returncode == 0 and again.stdout == printed
    assert before == (folder / "networks.csv").read_bytes()
    assert events == sorted(folder.glob("*/*.tfevents.*"))
    other = images(*SIGMOID, "--epochs=2", f"--logdir={folder.parent}")
    assert other.returncode == 1 and "other settings" in other.stderr


def test_a_table_is_a_sweep_with_a_map_and_a_row_a_cell(table):
    folder, *_ = table["lsuv"]
    rows = list(csv.DictReader((folder / "cells.csv").read_text().splitlines()))
    assert [row["activation"] for row in rows] == [*TRAINS, "sigmoid"]
    for row in rows:
        network = networks(folder)["lsuv", row["activation"]]
        assert float(row["score"]) == pytest.approx(float(network["accuracy"]))
        assert row["verdict"] == network["verdict"]
    assert "<svg" in (folder / "map.html").read_text()
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")


def test_files_of_others_are_left_alone(tmp_path):
    folder = tmp_path / "digits-fitnet4"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years")
    done = images(*SIGMOID, f"--logdir={tmp_path}")
    assert done.returncode == 1 and "other files" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--activations=relu,step", "`activation` must be one of sigmoid"),
        ("--activations=relu,relu", "Received: 'relu' twice"),
        ("--initializers=", "`axis initializer` must be at least one value"),
        ("--seeds=0", "`seeds` must be at least 1. Received: seeds=0"),
        ("--epochs=0", "`epochs` must be at least 1. Received: epochs=0"),
        ("--batch_size=0", "`batch_size` must be at least 1"),
        ("--learning_rate=-1", "Received: learning_rate=-1.0"),
        ("--scale=0", "`scale` must be a finite number above 0"),
        ("--jobs=0", "`jobs` must be at least 1"),
        ("--dataset=mnist", "`--dataset` must be one of digits, fashion_mnist"),
        ("--data_dir=/nowhere", "Received: dataset='digits', data_dir='/nowhere'"),
        ("--jobs=2 --distribute=mirrored", "must be 1 where distribute='mirrored'"),
    ],
)
def test_a_wrong_flag_is_one_line_without_tensorflow(tmp_path, flag, words):
    done = images(*flag.split(" "), f"--logdir={tmp_path / 'logdir'}")
    assert done.returncode in (1, 2) and words in done.stderr
    assert done.stderr.startswith("deepxor.images: ") and done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_without_the_files_of_a_data_set_the_message_says_what_to_do(tmp_path):
    done = images("--dataset=cifar10", f"--data_dir={tmp_path}")
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1
    assert "cifar-10-batches-py" in done.stderr


def write_cifar10(folder, count=20):
    """Writes a small set in CIFAR-10's own format."""
    rng = np.random.default_rng(0)
    batches = folder / "cifar-10-batches-py"
    batches.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        labels = np.arange(count) % 10
        data = rng.integers(0, 256, (count, 3072), np.uint8)
        content = {b"data": data, b"labels": labels.tolist()}
        (batches / name).write_bytes(pickle.dumps(content, protocol=2))


def test_cifar10_from_its_files_has_the_papers_numbers_beside(tmp_path):
    write_cifar10(tmp_path)
    done = images(
        "--dataset=cifar10", f"--data_dir={tmp_path}", f"--logdir={tmp_path / 'log'}",
        "--activations=relu", "--initializers=glorot", "--seeds=1", "--epochs=1",
        "--scale=0.1", "--batch_size=50",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "90.63" in done.stdout
    assert "90.63" in (tmp_path / "log" / "cifar10-fitnet4" / "table.html").read_text()


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def processes(group):
    """Returns the processes of a group that still run."""
    states = subprocess.run(
        ["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split() for line in states.splitlines()]
    return [state for found, state in lines if int(found) == group and state[0] != "Z"]


def test_it_can_be_stopped_and_goes_on(tmp_path):
    command = [sys.executable, "-m", "deepxor.images", f"--logdir={tmp_path}"]
    command += ["--network=cnn", "--activations=relu,tanh", "--initializers=he"]
    command += ["--seeds=1", "--epochs=1", "--jobs=1"]
    folder = tmp_path / "digits-cnn"
    second = folder / "tanh-he"
    before, seen = b"", set()
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            start_new_session=True,
        )  # fmt: skip
        # Until the second network is begun, or begun afresh.
        wait_for(lambda seen=seen: set(second.glob("*.tfevents.*")) - seen)
        seen |= set(second.glob("*.tfevents.*"))
        # As the terminal does: Ctrl-C goes to the whole group, kill -9 to one process.
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.kill()
        errors = process.communicate()[1]
        assert process.returncode == status and "Traceback" not in errors
        wait_for(lambda group=process.pid: not processes(group))
        rows = (folder / "networks.csv").read_bytes()
        assert rows.count(b"\n") == 2 and rows.startswith(before)
        assert read_run(folder / "relu-he").scalars["cost"]
        before = rows
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "relu" in done.stdout
    rows = (folder / "networks.csv").read_bytes()
    assert rows.startswith(before) and rows.count(b"\n") == 3
    assert len(list(second.glob("events.*"))) == 1
