"""What several test files share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Before anything imports TensorFlow, here or in the processes that tests start.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


@pytest.fixture(scope="session")
def demo_logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trains the runs deep-relu and deep-sigmoid, as a user would, but for less long.

    Returns:
        The logdir with the two runs; not to be written to.
    """
    logdir = tmp_path_factory.mktemp("demo")
    for activation in ("relu", "sigmoid"):
        command = [sys.executable, "-m", "deepxor.train", "--quiet"]
        command += [f"--logdir={logdir}", f"--activation={activation}"]
        subprocess.run([*command, "--num_steps=2001"], check=True)
    return logdir
