"""The front door of explain, from outside, and the function of the same name."""

import itertools
import re
import subprocess
import sys

import pytest

QUICK = ["--replicas=5"]


def explain(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "deepxor.explain", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def rows(text, layer):
    """Returns the cells of each line that begins with a layer's name."""
    lines = [line for line in text.splitlines() if line.startswith(f"│ {layer} ")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.mark.parametrize(
    ("flag", "allowed"),
    [
        ("--activations=sigmoid,swishy", "relu"),
        ("--activations=", "at least one name"),
        ("--network=shallow", "lecture"),
        ("--initializer=zeros", "orthogonal"),
        ("--hidden_units=5,x", "5,4"),
        ("--replicas=0", "from 1"),
        ("--seed=-1", "from 0"),
        ("--bits=1", "from 2"),
        ("--png=picture.pdf", ".png"),
        ("--png=nowhere/explain.png", "folder"),
        ("--png=..png", ".png"),
        ("--activation=relu,relu", "activations"),
        ("relu", "flags"),
    ],
)
def test_a_wrong_flag_is_one_line_without_tensorflow(tmp_path, flag, allowed):
    code = (
        "import runpy, sys; sys.argv = ['deepxor/explain.py', sys.argv[1]]\n"
        "try: runpy.run_module('deepxor.explain', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, flag],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    line = done.stderr.removesuffix("\n")
    assert line.startswith("deepxor.explain: ") and "\n" not in line
    assert allowed in line
    assert not any(tmp_path.iterdir())


def test_help_names_every_flag():
    done = explain("--help")
    assert done.returncode == 0
    names = (
        "network hidden_units activations initializer replicas seed bits residual png"
    )
    for name in names.split():
        assert f"--{name}" in done.stdout or f"--[no]{name}" in done.stdout


def test_sigmoid_beside_relu_as_tables_and_as_a_picture(tmp_path):
    done = explain(*QUICK, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    sigmoid, relu = rows(done.stdout, "layer1")
    assert float(sigmoid[2]) > 4 > 2 > float(relu[2])  # decades
    assert float(sigmoid[3].split()[-1]) <= 0.25 < float(relu[3].split()[0])
    assert (
        len(rows(done.stdout, "hypothesis")) == len(rows(done.stdout, "(input)")) == 2
    )
    assert "g'(-10) = 4.5e-05" in done.stdout
    assert "Picture: explain.png" in done.stdout
    assert "mean-field" not in done.stdout  # the networks are narrow
    assert "\x1b" not in done.stdout
    assert (tmp_path / "explain.png").read_bytes().startswith(b"\x89PNG")


def test_a_row_times_its_factors_is_the_next_row(tmp_path):
    done = explain("--replicas=1", "--png=", "--hidden_units=4,3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not any(tmp_path.iterdir())
    layers = ("hypothesis", "layer2", "layer1")
    cells = [rows(done.stdout, layer)[0] for layer in layers]
    for row, below in itertools.pairwise(cells):
        product = float(row[1]) * float(row[3]) * float(row[4])
        assert product == pytest.approx(float(below[1]), rel=0.1)  # two digits each


def test_flags_reach_the_networks(tmp_path):
    arguments = ["--activations=tanh,elu,maxout", "--initializer=orthogonal"]
    arguments += ["--network=three_layer", "--bits=3", "--seed=7", *QUICK]
    done = explain(*arguments, "--png=here.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for activation in ("tanh", "elu", "maxout"):
        assert f"{activation}, orthogonal" in done.stdout
    assert len(rows(done.stdout, "layer2")) == 3 and not rows(done.stdout, "layer3")
    assert "5 replicas" in done.stdout
    assert (tmp_path / "here.png").exists()
    again = explain(*arguments, "--activations=tanh", "--png=")
    assert rows(again.stdout, "layer2") == rows(done.stdout, "layer2")[:1]
    other = explain(*arguments, "--activations=tanh", "--png=", "--seed=8")
    assert rows(other.stdout, "layer2") != rows(again.stdout, "layer2")


def test_shortcuts_are_named_and_change_the_factors():
    arguments = ["--activations=tanh", "--png=", "--hidden_units=4,4", *QUICK]
    plain, residual = (explain(*arguments, *more) for more in ([], ["--residual"]))
    assert "tanh, glorot, residual" in residual.stdout
    assert "residual" not in plain.stdout
    assert rows(residual.stdout, "layer2") != rows(plain.stdout, "layer2")


def test_of_wide_networks_the_prediction_stands_beside_the_measurement():
    done = explain("--hidden_units=256,256,256", "--activations=tanh", *QUICK, "--png=")
    assert done.returncode == 0, done.stderr
    assert "Schoenholz et al. 2017" in done.stdout and "chi_1 = " in done.stdout
    (row,) = rows(done.stdout, "layer2")
    slope, weight = (float(row[i].split()[0]) for i in (3, 4))
    predicted_slope, predicted_weight = map(float, row[5].split(" x "))
    assert predicted_slope == pytest.approx(slope, rel=0.1)
    assert predicted_weight == pytest.approx(weight, rel=0.1)


def test_dead_replicas_are_counted():
    done = explain("--network=lecture", "--activations=relu", "--png=")
    (row,) = rows(done.stdout, "layer1")
    assert re.fullmatch(r"exactly 0 in \d+", row[-1])
    assert "nan" not in done.stdout


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "full.png").symlink_to("/dev/full")
    done = explain(*QUICK, f"--png={tmp_path / 'full.png'}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "full.png: No space left on device" in done.stderr


@pytest.mark.parametrize(
    "imports",
    [
        "import deepxor",
        "import deepxor, deepxor.explain",
        "import deepxor.explain; import deepxor",
        "import importlib, deepxor; importlib.import_module('deepxor.explain')",
    ],
)
def test_the_function_is_not_hidden_by_the_command_of_its_name(imports):
    # The function's module is a stand-in, which takes no TensorFlow; the real one is
    # looked for in test_backprop.py.
    done = run(
        f"{imports}\n"
        "import sys, types\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "backprop = types.ModuleType('deepxor.backprop.explanation')\n"
        "backprop.explain = lambda: None\n"
        "sys.modules[backprop.__name__] = backprop\n"
        "from deepxor import explain\n"
        "assert deepxor.explain is explain is backprop.explain\n"
        "command = sys.modules.get('deepxor.explain')\n"
        "assert command is None or callable(command.main)\n"
    )
    assert done.returncode == 0, done.stderr


def test_other_names_of_the_package_can_be_set():
    done = run(
        "import deepxor, deepxor.console, types\n"
        "assert isinstance(deepxor.console, types.ModuleType)\n"
        "deepxor.explain = 1\n"
        "assert deepxor.explain == 1\n"
    )
    assert done.returncode == 0, done.stderr
