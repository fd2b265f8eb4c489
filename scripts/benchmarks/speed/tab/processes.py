"""The processes of a process group: the memory and the time that they take."""

from __future__ import annotations

import os
import time
from pathlib import Path


def _processes(leader: int) -> list[int]:
    """Returns the processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            group = int(_fields(stat)[2])
        except OSError:
            continue
        if group == leader:
            found.append(int(stat.parent.name))
    return found


def _fields(stat: Path) -> list[str]:
    # The second field, a name in parentheses, may hold anything, spaces too.
    return stat.read_text().rsplit(")", 1)[1].split()


def _memory(process: int) -> float:
    """Returns the proportional set size of a process in MiB."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1024


def _cpu_seconds(leader: int) -> float:
    """Returns the processor seconds that a process group has taken so far."""
    ticks = 0
    for process in _processes(leader):
        fields = _fields(Path(f"/proc/{process}/stat"))
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(leader: int) -> float:
    """Returns the MiB of a process group."""
    return sum(map(_memory, _processes(leader)))


def wait_until_idle(leader: int) -> None:
    """Waits for three seconds in which a process group hardly did anything."""
    quiet, before = 0, _cpu_seconds(leader)
    while quiet < 6:
        time.sleep(0.5)
        now = _cpu_seconds(leader)
        quiet = quiet + 1 if now - before < 0.05 else 0
        before = now
