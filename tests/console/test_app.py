"""The flags of every command: whatever their values, there is one line and a status."""

import importlib
import os
import sys

import pytest
from absl import flags
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepxor.__main__ import COMMANDS
from deepxor.console import app, process
from deepxor.runs.folder import RunError

# What begins once all flags have been checked.
BEGINNINGS = {
    "train": ["deepxor.xor.run.Run.create"],
    "compare": ["deepxor.compare.compare_on_console"],
    "explain": ["deepxor.quiet.load_tensorflow"],
    "images": ["deepxor.console.images.train_on_console"],
    "sweep": ["deepxor.console.sweep.sweep_on_console"],
    "playground": [
        "deepxor.playground.serve_on_console",
        "deepxor.playground.export_on_console",
    ],
}

# Letters of all kinds, and halves of surrogates, as bytes that are no UTF-8 become.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
NUMBERS = st.sampled_from(
    ["", "0", "-1", "1e9", "1e400", "1e-400", "nan", "inf", "-inf", " 5", "5_0",
     "\uff11\uff12", "9" * 400, "9" * 5000, "1" + "0" * 400, "0x10", "1.", "1,2",
     "true", "2:3:1"]
)  # fmt: skip
SCHEMES = st.sampled_from(["gs://x", "s3://a/b", "hdfs://h", "file:///tmp/x"])
PATTERNS = st.sampled_from(["(", "x{99999999999999999999}", "(" * 3000, "(?L)x", "*"])
LONG = st.sampled_from(["x" * 100_000, "\n" * 5000])
VALUES = st.one_of(TEXTS, NUMBERS, SCHEMES, PATTERNS, LONG, st.integers().map(str))


class Command:
    """One command in this process, which is left once its flags have been checked."""

    def __init__(self, name, capsys):
        self.name = name
        self.module = importlib.import_module(f"deepxor.{name}")
        defined = flags.FLAGS.flags_by_module_dict()[self.module.__name__]
        self.flags = {flag.name: flag for flag in defined}
        self._capsys = capsys

    def __call__(self, *arguments):
        """Returns the status, and the line on standard error."""
        for flag in self.flags.values():
            flag.unparse()
        argv = [self.name, *arguments]
        with pytest.raises(SystemExit) as ended:
            app.call(lambda: self.module.main(app.parse(argv)))
        written = self._capsys.readouterr().err
        status = ended.value.code
        if status == 0:
            assert written == ""
        else:
            assert status in (1, 2), status
            assert written.startswith(f"deepxor.{self.name}: ")
            assert written.endswith("\n") and written[:-1].isprintable()
            assert len(written) < 2000
        return status, written


@pytest.fixture
def no_other_flags():
    """Takes away the flags of programs that other tests import; names are the same."""
    defined = flags.FLAGS.flags_by_module_dict()
    others = {
        module: list(own)
        for module, own in defined.items()
        if not module.startswith("absl.")
    }
    for flag in {flag.name for own in others.values() for flag in own}:
        delattr(flags.FLAGS, flag)
    yield
    for module, own in others.items():
        for flag in own:
            flags.FLAGS[flag.name] = flag
        defined[module] = own


@pytest.fixture(params=COMMANDS)
def command(request, monkeypatch, capsys, tmp_path, no_other_flags):
    # Other tests may have loaded it.
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.chdir(tmp_path)
    name = request.param
    monkeypatch.delitem(sys.modules, f"deepxor.{name}", raising=False)
    monkeypatch.setattr(process, "command_name", lambda: f"deepxor.{name}")
    command = Command(name, capsys)

    def begin(*_, **__):
        raise RunError("all flags are right")

    for where in BEGINNINGS[name]:
        if where.startswith(f"deepxor.{name}."):
            monkeypatch.setattr(command.module, where.rpartition(".")[2], begin)
        else:
            monkeypatch.setattr(where, begin)
    yield command
    # Commands have flags of the same names.
    for flag in command.flags:
        delattr(flags.FLAGS, flag)
    flags.FLAGS.flags_by_module_dict().pop(command.module.__name__)
    del sys.modules[command.module.__name__]
    assert not any(tmp_path.iterdir())


def test_any_value_of_any_flag_is_taken_or_refused_in_one_line(command):
    names = [*command.flags, "help", "flagfile", "verbosity", "log_dir", "pdb"]

    @settings(max_examples=400)
    @given(st.sampled_from(names), VALUES, st.sampled_from(["--", "-", "--no"]))
    def check(name, value, dashes):
        status, line = command(f"{dashes}{name}={value}")
        if status == 2:
            words = ("Received: ", "argument", "Missing value", "more letters")
            assert any(word in line for word in words)

    check()


def test_any_arguments_are_taken_or_refused_in_one_line(command):
    @settings(max_examples=100)
    @given(st.lists(VALUES, max_size=3))
    @example(["--"])
    @example(["-"])
    @example(["--="])
    def check(arguments):
        command(*arguments)

    check()


def test_any_flag_file_is_taken_or_refused_in_one_line(command, tmp_path_factory):
    file = tmp_path_factory.mktemp("flags") / "file"
    lines = st.sampled_from(
        [
            b"--seed=1",
            b"\xff",
            b"--flagfile=" + os.fsencode(file),
            b"#",
            b"--logdir=a\0",
        ]
    )

    @settings(max_examples=100)
    @given(st.one_of(st.binary(), st.lists(lines).map(b"\n".join)))
    def check(content):
        file.write_bytes(content)
        status, line = command(f"--flagfile={file}")
        if b"--flagfile" in content:
            assert status == 2 and "Received: " in line

    check()
    for path in (file.parent, file.parent / "missing"):
        status, line = command(f"--flagfile={path}")
        assert status == 2 and "`--flagfile` must be" in line and str(path) in line


@pytest.mark.parametrize("command", ["sweep"], indirect=True)
def test_any_axis_is_taken_or_refused_in_one_line(command):
    names = st.sampled_from(
        ["seed", "learning_rate", "weight_variance", "activation", "residual", "x"]
    )
    numbers = st.one_of(
        NUMBERS, st.floats().map(repr), st.integers().map(str), st.just("log3"),
        st.just("log" + "9" * 5000), TEXTS,
    )  # fmt: skip
    values = st.tuples(st.sampled_from(":,"), st.lists(numbers, max_size=4))

    @settings(max_examples=500)
    @given(names, values)
    def check(name, parts):
        separator, texts = parts
        command(f"--axis={name}={separator.join(texts)}", "--replicas=2")

    check()


@pytest.mark.parametrize("command", ["train", "sweep", "images"], indirect=True)
@pytest.mark.parametrize("value", ["gs://x", "s3://bucket/x", "", "memory://a"])
def test_the_logdir_must_be_local(command, value):
    more = ["--axis=seed=1"] if command.name == "sweep" else []
    status, line = command(f"--logdir={value}", *more)
    assert status == 2
    said = f"`logdir` must be a local folder. Received: logdir={value!r}\n"
    assert line == f"deepxor.{command.name}: {said}"


@pytest.mark.parametrize(
    "flag",
    ["--stderrthreshold=bad", "--verbosity=bad", "-v=1", "--pdb", "--only_check_args",
     "--alsologtostderr", "--run_with_profiling", "--profile_file=x", "--helpfull"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["compare"], indirect=True)
def test_flags_of_absl_are_refused(command, flag):
    status, line = command(flag)
    name = flag.lstrip("-").partition("=")[0]
    assert status == 2
    assert f"those that --help lists. Received: --{name}" in line


@pytest.mark.parametrize("command", ["compare"], indirect=True)
def test_what_is_not_printable_is_escaped_and_what_is_long_is_cut(command):
    assert command("--runs=(\n\x1b")[1].count("Received: runs='(\\n\\x1b' (")
    assert "\\udcff" in command("a", "b\udcff")[1]
    status, line = command("--runs=" + "(" * 100_000)
    assert status == 2 and "more letters" in line and "((' (" in line


@pytest.mark.parametrize("command", ["train"], indirect=True)
def test_what_a_parser_refuses_is_escaped_too(command):
    _, line = command("--seed=a\nb\x1b")
    assert line.endswith("must be an integer. Received: --seed=a\\nb\\x1b\n")
    _, line = command("--acitvation=relu")
    assert line.endswith("Received: --acitvation (did you mean --activation?)\n")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("a\n  b"), 2, "a b"),
        (RunError("a"), 1, "a"),
        (OSError(28, "No space left on device", "f"), 1, "f: No space left on device"),
        (MemoryError(), 1, "not enough memory: MemoryError\n"),
        (RuntimeError("can't start new thread"), 1, "not enough memory: can't start"),
        (ImportError("lib.so: failed to map segment"), 1, "not enough memory"),
        (ImportError("no module"), 1, "a package cannot be imported: no module"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_have_a_line_and_a_status(error, status, said, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(process, "command_name", lambda: "deepxor.x")

    def fail():
        raise error

    with pytest.raises(SystemExit) as ended:
        app.call(fail)
    written = capsys.readouterr().err
    assert ended.value.code == status
    assert written.startswith(f"deepxor.x: {said}") and written.count("\n") == 1


def test_a_value_error_after_the_flags_is_a_bug(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)

    def fail():
        raise ValueError

    with pytest.raises(ValueError):
        app.call(fail)
