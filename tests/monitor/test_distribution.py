import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def test_under_a_mirrored_strategy_it_sees_the_gradient_of_the_whole_batch():
    # In a process of its own: a CPU is divided before TensorFlow has looked at it.
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.mirrored"],
        cwd=ROOT,
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    mirrored, alone = json.loads(result.stdout.splitlines()[-1])
    assert mirrored["step"] == alone["step"] == [*range(6)]
    for name in ("norm", "max_abs", "global_norm", "loss", "update_ratio"):
        # Each half of a batch is summed by itself.
        np.testing.assert_allclose(mirrored[name], alone[name], rtol=1e-4, err_msg=name)
    for a, b in zip(mirrored["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
