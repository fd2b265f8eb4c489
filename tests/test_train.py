"""The front door of train, from outside."""

import os
import resource
import subprocess
import sys

import pytest

from deepxor.xor.config import Experiment
from deepxor.xor.run import KILLED, Run

QUICK = ["--num_steps=101", "--replicas=5"]


def train(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.train", *arguments],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "allowed"),
    [
        ("--activation=swishy", "relu"),
        ("--network=shallow", "lecture"),
        ("--initializer=zeros", "orthogonal"),
        ("--optimizer=lbfgs", "adamw"),
        ("--hidden_units=5,x", "5,4"),
        ("--hidden_units=5,0", "from 1"),
        ("--learning_rate=-1", "above 0"),
        ("--learning_rate=fast", "a number"),
        ("--learning_rate=nan", "above 0"),
        ("--num_steps=0", "from 1"),
        ("--num_steps=many", "an integer"),
        ("--log_every=0", "from 1"),
        ("--replicas=0", "from 1"),
        ("--replicas=1e3", "an integer"),
        ("--seed=-1", "from 0"),
        ("--bits=11", "to 10"),
        ("--run_name=../up", "letters"),
        ("--resume=perhaps", "true"),
        ("--acitvation=relu", "activation"),
        ("relu", "flags"),
        ("--log_dir=here", "--logdir"),
        ("--seed=a: b", "`--seed` must be an integer. Received: --seed=a: b"),
    ],
)
def test_a_wrong_flag_is_one_line_without_tensorflow(tmp_path, flag, allowed):
    done = train(flag, f"--logdir={tmp_path / 'logdir'}")
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    line = done.stderr.removesuffix("\n")
    assert line.startswith("deepxor.train: ") and "\n" not in line
    assert flag.split("=")[-1] in line or flag.split("=")[0].lstrip("-") in line
    assert allowed in line
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--help", "--seed=-1"])
def test_help_and_errors_do_not_import_tensorflow(flag):
    code = (
        "import runpy, sys; sys.argv = ['deepxor/train.py', sys.argv[1]]\n"
        "try: runpy.run_module('deepxor.train', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, flag], capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if flag == "--help" else 2), done.stderr


def test_help_names_every_flag():
    done = train("--help")
    assert done.returncode == 0
    for name in (*Experiment().to_json(), "logdir", "run_name", "resume", "quiet"):
        assert f"--{name}" in done.stdout or f"--[no]{name}" in done.stdout


def test_a_run_prints_one_table_and_the_next_command(tmp_path):
    done = train(*QUICK, f"--logdir={tmp_path}", "--network=wide", "--activation=tanh")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "wide-tanh" in done.stdout and "of 5" in done.stdout
    *_, command, address = done.stdout.splitlines()
    assert command == f"Next: tensorboard --logdir {tmp_path}"
    assert address == "then open http://localhost:6006/#gradient_flow"
    assert "\x1b" not in done.stdout  # no bar, no colours where there is no terminal


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A run in the logdir by default, and what it printed."""
    folder = tmp_path_factory.mktemp("quiet")
    done = train(*QUICK, "--quiet", "--hidden_units=", cwd=folder)
    return folder, done


def test_quiet_prints_nothing(quiet):
    _, done = quiet
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_logdir_is_logdir_here(quiet):
    folder, _ = quiet
    (path,) = (folder / "logdir").iterdir()
    assert Run.load(path).status == "finished"


def test_hidden_units_may_be_empty(quiet):
    folder, _ = quiet
    run = Run.load(folder / "logdir" / "hidden_none-sigmoid")
    assert run.experiment.shape == "2-1"


def test_flags_reach_the_experiment(tmp_path):
    flags = {
        "hidden_units": "3,3", "activation": "maxout", "pieces": "3", "bits": "3",
        "initializer": "orthogonal", "optimizer": "adamw", "learning_rate": "0.01",
        "num_steps": "7", "log_every": "3", "replicas": "2", "seed": "5",
        "residual": "true",
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    done = train(*arguments, f"--logdir={tmp_path}", "--quiet", "--run_name=mine")
    assert done.returncode == 0, done.stderr
    assert Run.load(tmp_path / "mine").experiment == Experiment(
        hidden_units=(3, 3), activation="maxout", pieces=3, bits=3,
        initializer="orthogonal", optimizer="adamw", learning_rate=0.01,
        num_steps=7, log_every=3, replicas=2, seed=5, residual=True,
    )  # fmt: skip


def test_a_logdir_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = train(f"--logdir={tmp_path / 'file' / 'logdir'}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "cannot write to logdir=" in done.stderr


def on_terminal(*arguments, **streams):
    """Runs a command, and returns what it wrote to a terminal and to its pipes."""
    main, other = os.openpty()
    command = [sys.executable, "-m", *map(str, arguments)]
    streams = {"stdout": other, "stderr": other} | streams
    process = subprocess.Popen(command, close_fds=True, **streams)
    os.close(other)
    printed = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux's end of a terminal whose other side is closed
            break
        if not part:
            break
        printed += part
    piped = [part for part in process.communicate() if part is not None]
    assert process.returncode == 0
    os.close(main)
    return printed, *piped


LOADING = b"Loading TensorFlow ..."


def test_there_is_a_bar_on_a_terminal(tmp_path):
    (printed,) = on_terminal("deepxor.train", f"--logdir={tmp_path}", *QUICK)
    assert b"step 101 of 101" in printed and b"solved" in printed and b"left" in printed
    assert b"port.cc" not in printed and b"cuda" not in printed.lower()
    # First comes a line that says what takes so long, and it is wiped.
    wiped = LOADING + b"\r" + b" " * len(LOADING) + b"\r"
    assert printed.startswith(wiped) and printed.count(LOADING) == 1


def test_quiet_prints_nothing_on_a_terminal_either(tmp_path):
    flags = [f"--logdir={tmp_path}", "--quiet", *QUICK]
    assert on_terminal("deepxor.train", *flags) == (b"",)


def test_what_is_loaded_is_said_on_standard_error_alone():
    flags = ["--png=", "--replicas=2", "--hidden_units=2"]
    printed, piped = on_terminal("deepxor.explain", *flags, stdout=subprocess.PIPE)
    assert printed.startswith(LOADING) and LOADING not in piped
    assert b"gradient norm" in piped


def test_without_memory_for_tensorflow_the_run_can_be_resumed(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    flags = [*QUICK, "--quiet", f"--logdir={tmp_path}"]
    done = train(*flags, preexec_fn=limit)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("deepxor.train: not enough memory: ")
    assert done.stderr.count("\n") == 1
    (path,) = tmp_path.iterdir()
    assert Run.load(path).status == KILLED
    assert train(*flags, "--resume").returncode == 0
    assert Run.load(path).status == "finished"


def test_what_a_resumed_run_begins_from_is_said(tmp_path):
    Run.create(tmp_path, Experiment(num_steps=101, replicas=5)).close()
    done = train(*QUICK, f"--logdir={tmp_path}", "--resume")
    assert done.returncode == 0 and Run.load(tmp_path / "deep-sigmoid").results
    assert "Resuming deep-sigmoid from step 0: it has no checkpoint" in done.stdout
    assert "Resuming" not in train(*QUICK, f"--logdir={tmp_path}").stdout
