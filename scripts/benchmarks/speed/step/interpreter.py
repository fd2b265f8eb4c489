"""The interpreter that runs PyTorch and JAX, which may be another one than this."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.benchmarks.speed.timing.process import output_of
from scripts.benchmarks.speed.timing.sample import Sample

PROGRAM = Path(__file__).parent / "peers.py"


def measure_peer(python: str, name: str, steps: int) -> Sample | None:
    """Measures another framework.

    Args:
        python: The interpreter that may have it.
        name: A key of `peers.PEERS`.
        steps: The number of steps to time.

    Returns:
        The measurement; None where the framework is not installed.
    """
    result = json.loads(output_of([python, str(PROGRAM), name, str(steps)]))
    if not result:
        return None
    return Sample(result["microseconds"], f"version {result['version']}")
