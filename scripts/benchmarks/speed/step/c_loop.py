"""The C loop: the training of one network without a framework."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from scripts.benchmarks.speed.timing.process import output_of
from scripts.benchmarks.speed.timing.sample import Sample

SOURCE = Path(__file__).parent / "xor_loop.c"


def compile_c(folder: Path, hidden: int) -> Path | None:
    """Compiles the C loop.

    Args:
        folder: The folder that gets the program.
        hidden: The number of hidden layers.

    Returns:
        The program; None where there is no C compiler.
    """
    if shutil.which("cc") is None:
        return None
    program = folder / f"{SOURCE.stem}_{hidden}"
    options = ["-O3", "-march=native", "-ffast-math", f"-DHIDDEN={hidden}"]
    subprocess.run(["cc", *options, SOURCE, "-o", program, "-lm"], check=True)
    return program


def measure_c(program: Path | None, steps: int) -> Sample | None:
    """Measures the C loop.

    Args:
        program: As `compile_c` returns it.
        steps: The number of steps to time.

    Returns:
        The measurement; None without a program.
    """
    if program is None:
        return None
    microseconds, loss = _run(program, steps)
    return Sample(microseconds, f"cost {loss:.4f} after {steps:,} steps")


def check_c(folder: Path) -> None:
    """Checks that the C loop really trains.

    The lecture's network does not learn, so the same code has to learn with one hidden
    layer.

    Args:
        folder: The folder that gets the program.

    Raises:
        RuntimeError: If it does not learn.
    """
    program = compile_c(folder, 1)
    if program is not None:
        _, loss = _run(program, 20_000)
        if not loss < 0.1:
            raise RuntimeError(
                f"{SOURCE.name} must reach a loss below 0.1. Received: loss={loss}"
            )


def _run(program: Path, steps: int) -> tuple[float, float]:
    """Returns the microseconds of a step, and the loss after the last step."""
    output = output_of([str(program), "1", str(steps)]).split()
    return float(output[0]), float(output[1])
