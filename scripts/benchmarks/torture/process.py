"""Runs a command of deepxor, and does something to it meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.torture.trial import TRACEBACK, FaultError

# A command that has not ended after this time, in seconds, never does.
PATIENCE = 300.0

# The program says when deepxor's own first instruction is next, and then becomes the
# command. The clock can be wrong by a number of seconds.
_START = """
import os, runpy, sys, time
offset, name = float(sys.argv[1]), sys.argv[2]
if offset:
    now = time.time
    time.time = lambda: now() + offset
sys.argv = [name, *sys.argv[3:]]
import deepxor
os.write(int(os.environ["DEEPXOR_READY"]), b"!")
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""

# The time that the program needs from there to the first instruction, in seconds.
_BEFORE_FIRST = 0.1


@dataclass(frozen=True)
class Ended:
    """How a command has ended.

    Attributes:
        status: The exit status; negative if a signal has ended it.
        output: What it printed.
        errors: What it printed on standard error.
        after: The seconds after its first instruction at which a signal was sent; None
            if it had ended before.
    """

    status: int
    output: str
    errors: str
    after: float | None

    def check(self, *allowed: int) -> None:
        """Checks that the command ended as it may.

        Args:
            *allowed: The statuses that it may end with.

        Raises:
            FaultError: If it ended with another one, or with more than one line.
        """
        lines = self.errors.strip().splitlines()
        if "Traceback" in self.errors or len(lines) > 1:
            raise FaultError(TRACEBACK, self.errors[-3000:])
        if self.status not in allowed:
            said = f"status {self.status} of {allowed}: {self.errors[-1000:]}"
            raise FaultError(TRACEBACK, said)
        if self.status > 0 and not lines:
            raise FaultError(TRACEBACK, f"status {self.status} without a line")

    @property
    def is_too_early(self) -> bool:
        """Whether the signal came before deepxor could know of it."""
        return self.after is not None and self.after < _BEFORE_FIRST and self.status < 0


def run(
    name: str,
    arguments: Sequence[str | bytes],
    number: signal.Signals | None = None,
    after: float = 0.0,
    offset: float = 0.0,
    most_bytes: int | None = None,
    patience: float = PATIENCE,
    folder: Path | None = None,
) -> Ended:
    """Runs a command, and sends it a signal.

    Args:
        name: The command, such as "deepxor.train".
        arguments: Its arguments.
        number: The signal; None for none.
        after: The time after the first instruction at which the signal is sent, in
            seconds.
        offset: By how many seconds the command's clock is wrong.
        most_bytes: The largest size of a file, as on a disk that is full; None for any.
        patience: The time after which the command is killed, in seconds.
        folder: The folder in which it runs; None for this one.

    Raises:
        FaultError: If the command does not end.
    """

    def limit() -> None:
        if most_bytes is not None:
            # Without a handler the signal of such a write ends the process.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    ready, told = os.pipe()
    environment = {
        **os.environ,
        "DEEPXOR_READY": str(told),
        "PYTHONPATH": os.fspath(Path(__file__).parents[3]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(offset), name, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=(told,),
        preexec_fn=limit,
        cwd=folder,
    )
    os.close(told)
    sent = None
    try:
        os.read(ready, 1)
        if number is not None:
            time.sleep(after)
            if process.poll() is None:
                process.send_signal(number)
                sent = after
        output, errors = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise FaultError(TRACEBACK, f"{name} {arguments} does not end") from None
    finally:
        os.close(ready)
    return Ended(
        process.returncode, output.decode(errors="replace"),
        errors.decode(errors="replace"), sent,
    )  # fmt: skip
