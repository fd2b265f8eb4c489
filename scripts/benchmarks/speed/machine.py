"""The machine that measures, and the versions of what is measured."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path

import deepxor
from scripts.benchmarks.speed.timing.process import output_of


def machine() -> str:
    """Returns date, processor, cores and versions in one line."""
    packages = ("tensorflow", "keras", "numpy")
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    if shutil.which("cc"):
        versions.append(output_of(["cc", "--version"]).splitlines()[0])
    parts = [
        datetime.date.today().isoformat(),
        _processor(),
        f"{len(os.sched_getaffinity(0))} cores",
        f"Python {platform.python_version()}",
        f"deepxor {deepxor.__version__}",
        *versions,
    ]
    return ", ".join(parts)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        text = information.read_text(encoding="utf-8")
        if model := re.search(r"^model name\s*: (.*)$", text, re.MULTILINE):
            return model[1]
    return platform.processor() or platform.machine()
