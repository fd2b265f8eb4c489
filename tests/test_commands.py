"""What all commands have in common."""

import subprocess
import sys
from pathlib import Path

import pytest

import deepxor
from deepxor.__main__ import COMMANDS, command_lines

PACKAGE = Path(deepxor.__file__).parent


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False
    )


def test_every_command_is_listed_with_what_it_does():
    done = run("deepxor")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.splitlines()[1:] == command_lines()
    # What can be run as a command is listed, and nothing else.
    runnable = {
        p.stem for p in PACKAGE.glob("*.py") if "app.run(main)" in p.read_text()
    }
    assert runnable == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command_and_not_its_file(name):
    done = run(f"deepxor.{name}", "--help")
    assert done.returncode == 0
    assert f"python -m deepxor.{name}" in done.stdout
    assert f"\ndeepxor.{name}:\n" in done.stdout
    assert str(PACKAGE) not in done.stdout


def test_help_loads_no_tensorflow():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['x', '--help']\n"
        "try:\n    runpy.run_module(sys.argv[0], run_name='__main__')\n"
        "finally:\n    assert 'tensorflow' not in sys.modules\n"
    )
    for name in COMMANDS:
        program = code.replace("'x'", f"'deepxor.{name}'")
        done = subprocess.run([sys.executable, "-c", program], capture_output=True)
        assert done.returncode == 0, done.stderr
