"""The examples in docstrings."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import deepxor

PACKAGE = Path(deepxor.__file__).parent


def modules_with_examples():
    """Returns the names of the modules that have an example in a docstring."""
    paths = sorted(PACKAGE.rglob("*.py"))
    found = [path for path in paths if ">>> " in path.read_text(encoding="utf-8")]
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in found]
    return [".".join(names) for names in parts]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_give_what_they_show(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0


def test_examples_need_no_tensorflow():
    code = (
        "import doctest, importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    doctest.testmod(importlib.import_module(name))\n"
        "    assert 'tensorflow' not in sys.modules, name\n"
    )
    names = modules_with_examples()
    assert names
    subprocess.run([sys.executable, "-c", code, *names], check=True)
