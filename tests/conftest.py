"""What several test files share."""

from __future__ import annotations

import fcntl
import gc
import os
import random
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# The same examples in every run, and no test that asserts a time.
hypothesis.settings.register_profile("tests", derandomize=True, deadline=None)
hypothesis.settings.load_profile("tests")

# Before anything imports TensorFlow, here or in the processes that tests start.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


@pytest.fixture(autouse=True, scope="module")
def freeze_what_stays() -> None:
    """Spares the garbage collector what imports and the tests so far have left.

    TensorFlow is some 400,000 objects, to which every model adds, and Keras's
    `clear_session` has all of them searched.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def seed_what_is_drawn() -> None:
    """Lets each test draw the same initial weights, whatever ran before it.

    Keras draws the seeds of its initializers and of dropout from Python's generator. A
    seed of TensorFlow's would empty its caches before every test.
    """
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def demo_logdir(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Trains the runs deep-relu and deep-sigmoid, as a user would, but for less long.

    Returns:
        The logdir with the two runs, which all workers share; not to be written to.
    """
    root = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        root = root.parent
    logdir = root / "demo"
    with (root / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not logdir.exists():
            # In one process for both, and not in this one, where names of functions in
            # the runs' graphs would depend on the tests before.
            code = (
                "import sys, deepxor\n"
                "for activation in ('relu', 'sigmoid'):\n"
                "    e = deepxor.Experiment(activation=activation, num_steps=2001)\n"
                "    deepxor.train_experiment(e, sys.argv[1])\n"
            )
            subprocess.run([sys.executable, "-c", code, str(logdir)], check=True)
    return logdir
