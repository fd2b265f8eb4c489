"""Examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import deepxor

PACKAGE = Path(deepxor.__file__).parent
MODULES = sorted(
    ".".join(("deepxor", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed
