"""Signals at exact instructions of a command, and streams that are closed or full."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deepxor.xor.run import KILLED, Run, find_runs

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
BOTH = [signal.SIGINT, signal.SIGTERM]
TRAIN = ["train", "--num_steps=51", "--replicas=2", "--hidden_units=2"]
SWEEP = ["sweep", "--axis=seed=1:3:1", "--num_steps=51", "--replicas=2", "--jobs=1"]

# Python runs this before anything else: as a module is about to be imported, the
# process sends itself a signal.
SITE = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["SIGNAL_AT"] and os.getppid() == int(os.environ["OF"]):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

sys.meta_path.insert(0, Finder())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE)
    return folder


def command(name, *arguments):
    return [sys.executable, "-m", f"deepxor.{name}", *map(str, arguments)]


def signalled(site, number, module, name, *arguments, cwd):
    """Runs a command that gets a signal as it begins to import a module."""
    paths = os.pathsep.join([os.fspath(site), *sys.path])
    at = {"SIGNAL_AT": module, "SIGNAL": str(int(number)), "OF": str(os.getpid())}
    return subprocess.run(
        command(name, *arguments), env=os.environ | {"PYTHONPATH": paths} | at,
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


def assert_ended(done, number, name):
    word = WORDS[number]
    assert (done.returncode, done.stderr) == (128 + number, f"deepxor.{name}: {word}\n")


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("absl", TRAIN),
        ("numpy", TRAIN),
        ("deepxor.xor.run", TRAIN),
        ("rich", ["compare", "."]),
        ("deepxor.report.export", ["compare", "."]),
        ("matplotlib", SWEEP),
        ("deepxor.web.page", ["playground", "--nobrowser", "--port=0"]),
    ],
)
def test_before_there_is_a_folder_nothing_is_left(
    site, number, module, arguments, tmp_path
):
    done = signalled(site, number, module, *arguments, cwd=tmp_path)
    assert_ended(done, number, arguments[0])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGTERM, "tensorflow"),
        (signal.SIGTERM, "tensorflow.python.ops.math_ops"),
        (signal.SIGINT, "keras.src.backend"),
        (signal.SIGINT, "deepxor.console.train"),
    ],
)
def test_while_tensorflow_loads_the_run_is_killed_and_resumed(
    site, number, module, tmp_path
):
    flags = [*TRAIN, "--logdir=logs"]
    done = signalled(site, number, module, *flags, cwd=tmp_path)
    assert_ended(done, number, "train")
    (run,), skipped = find_runs(tmp_path / "logs")
    assert run.status == KILLED and not skipped
    if module == "tensorflow":
        again = subprocess.run(
            command(*flags, "--resume", "--quiet"), cwd=tmp_path, check=False
        )
        assert again.returncode == 0
        assert Run.load(run.path).status == "finished"


@pytest.mark.parametrize("number", BOTH)
def test_a_report_that_is_being_drawn_is_not_begun(site, number, demo_logdir, tmp_path):
    files = ["--csv=a.csv", "--json=a.json", "--html=a.html"]
    arguments = ["compare", demo_logdir, *files]
    done = signalled(site, number, "matplotlib", *arguments, cwd=tmp_path)
    assert_ended(done, number, "compare")
    assert not any(tmp_path.iterdir())


def test_an_ignored_signal_stays_so(site, tmp_path):
    arguments = ["-c", "trap '' INT TERM; exec \"$@\"", "sh", *command("compare", ".")]
    at = {"SIGNAL_AT": "rich", "SIGNAL": "15", "OF": str(os.getpid())}
    paths = os.pathsep.join([os.fspath(site), *sys.path])
    done = subprocess.run(
        ["/bin/sh", *arguments], env=os.environ | {"PYTHONPATH": paths} | at,
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1 and "no run in logdir" in done.stderr


BEGUN = "import os, signal, sys, time\nfrom deepxor.console import process\n" + (
    "sys.argv[0] = 'deepxor/x.py'\n"
    "process.begin()\n"
    "def send(): os.kill(os.getpid(), signal.SIGTERM)\n"
)


def run(code, **options):
    return subprocess.run(
        [sys.executable, "-c", BEGUN + code],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def test_a_signal_is_not_raised_inside_of_an_import_but_after_it(tmp_path):
    (tmp_path / "slow.py").write_text(
        "import __main__, time\n"
        "try:\n    __main__.send()\n    time.sleep(0.3)\n"
        "except BaseException:\n    print('swallowed')\n"
        "print('imported')\n"
    )
    done = run(
        "sys.path.insert(0, os.getcwd())\n"
        "try:\n"
        "    with process.SIGNALS.raised():\n"
        "        import slow\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('raised', process.SIGNALS.number)\n",
        cwd=tmp_path,
    )
    assert done.stdout == "imported\nraised 15\n", done


def test_a_destructor_does_not_swallow_a_signal():
    done = run(
        "class Gone:\n    def __del__(self): send(); time.sleep(0.1)\n"
        "try:\n"
        "    with process.SIGNALS.raised():\n"
        "        Gone()\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('raised')\n"
    )
    assert (done.stdout, done.stderr) == ("raised\n", "")


def test_a_held_signal_ends_the_process_once_all_is_done():
    done = run(
        "with process.SIGNALS.held():\n"
        "    send(); time.sleep(0.01)\n"
        "    print('done', flush=True)\n"
        "print('not reached', flush=True)\n"
    )
    assert done.stdout == "done\n"
    assert_ended(done, signal.SIGTERM, "x")


def test_a_second_signal_ends_what_cleans_up():
    done = run(
        "with process.SIGNALS.raised():\n"
        "    try: send(); time.sleep(60)\n"
        "    finally: print('cleaning', flush=True); send(); time.sleep(60)\n"
    )
    assert done.stdout == "cleaning\n"
    assert_ended(done, signal.SIGTERM, "x")


def test_once_all_is_done_a_signal_changes_nothing():
    done = run(
        "from deepxor.console import app\n"
        "import atexit\n"
        "atexit.register(lambda: (send(), time.sleep(0.1), print('end')))\n"
        "app.call(lambda: 0)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_a_signal_while_standard_error_is_held_back_is_said_there():
    done = run(
        "aside = os.open(os.devnull, os.O_WRONLY)\n"
        "os.dup2(aside, 2)\n"
        "send(); time.sleep(60)\n"
    )
    assert_ended(done, signal.SIGTERM, "x")


def test_the_library_takes_no_signals():
    code = (
        "import signal; before = list(map(signal.getsignal, (2, 15)))\n"
        "import deepxor.train, deepxor.console.process\n"
        "assert before == list(map(signal.getsignal, (2, 15)))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_playground_ends_on_sigterm():
    process = subprocess.Popen(
        command("playground", "--nobrowser", "--port=0"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "localhost" in process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "deepxor.playground: terminated\n")


def shell(line, *arguments, **environment):
    """Runs a command in a shell, as "$@" of a line; returns status and outputs."""
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *command(*arguments)],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "status", "errors"),
    [
        ('"$@" >/dev/full', 1, "deepxor.compare: No space left on device\n"),
        ('"$@" >&-', 0, ""),
        ('"$@" 2>&- <&-', 0, ""),
        ('"$@" --nosuch 2>/dev/full', 2, ""),
        ('"$@" --nosuch 2>&-', 2, ""),
    ],
)
def test_a_stream_that_is_closed_or_full_gives_no_traceback(
    line, status, errors, demo_logdir
):
    done = shell(line, "compare", demo_logdir)
    assert (done.returncode, done.stderr) == (status, errors)


@pytest.mark.parametrize("name", ["compare", "playground"])
def test_a_pipe_that_nobody_reads_is_no_error_to_be_told(name, demo_logdir, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    flags = [demo_logdir] if name == "compare" else [f"--export={tmp_path}"]
    done = subprocess.run(
        command(name, *flags), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_closed_stream_lets_no_output_into_files(demo_logdir, tmp_path):
    file = tmp_path / "a.csv"
    whole = shell('"$@"', "compare", demo_logdir, f"--csv={file}")
    assert whole.returncode == 0
    expected = file.read_bytes()
    done = shell('"$@" >&- 2>&- <&-', "compare", demo_logdir, f"--csv={file}")
    assert done.returncode == 0 and file.read_bytes() == expected


def test_what_an_encoding_lacks_is_escaped(demo_logdir, tmp_path):
    folder = tmp_path / "\uac00"
    folder.symlink_to(demo_logdir)
    flags = [folder, f"--html={tmp_path}/\uac00.html"]
    done = shell('"$@"', "compare", *flags, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == ""
    assert "\\uac00.html" in done.stdout and "deep-relu" in done.stdout


def test_a_name_that_is_no_utf8_works(demo_logdir, tmp_path):
    (tmp_path / os.fsdecode(b"\xff")).symlink_to(demo_logdir)
    files = [f"--{kind}={tmp_path}/\udcff.{kind}" for kind in ("html", "csv", "json")]
    done = shell('"$@"', "compare", tmp_path / "\udcff", *files)
    assert done.returncode == 0 and done.stderr == ""
    for kind in ("html", "csv", "json"):
        assert (tmp_path / f"\udcff.{kind}").stat().st_size > 100


def test_a_package_that_is_missing_is_one_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('first\\n  second')")
    paths = os.pathsep.join([os.fspath(tmp_path), *sys.path])
    done = shell('"$@"', "train", PYTHONPATH=paths)
    said = "deepxor.train: a package cannot be imported: first second\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_sweep_works_with_closed_streams(tmp_path):
    flags = [*SWEEP, f"--logdir={tmp_path}", "--hparams_logdir="]
    done = shell('"$@" <&- >&- 2>&-', *flags)
    assert done.returncode == 0
    (table,) = tmp_path.glob("*/networks.csv")
    assert len(table.read_text().splitlines()) == 1 + 3 * 2


def test_a_pipe_without_a_reader_does_not_hold_up_a_signal(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    code = (
        "import builtins, sys\n"
        "from deepxor.console import process\n"
        "process.begin()\n"
        "from deepxor.console.files import write_files\n"
        "plain = open\n"
        "def told(path, *mode):\n"
        "    print('opening', flush=True)\n"
        "    return plain(path, *mode)\n"
        "builtins.open = told\n"
        "write_files({sys.argv[1] + '/pipe': b'x', sys.argv[1] + '/file': b'y'})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "opening\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and errors.endswith(": terminated\n")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_second_signal_ends_what_is_held():
    done = run(
        "with process.SIGNALS.held():\n"
        "    send(); time.sleep(0.01); print('held', flush=True)\n"
        "    send(); time.sleep(60)\n"
    )
    assert done.stdout == "held\n"
    assert_ended(done, signal.SIGTERM, "x")
