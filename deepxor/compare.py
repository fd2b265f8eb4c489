"""Prints the runs of a logdir side by side.

For example: python -m deepxor.compare logdir
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from absl import flags
from rich.text import Text

from deepxor import door
from deepxor.board.tables import make_console, runs_table
from deepxor.lab.runs import FINISHED, Run, find_runs

LOGDIR = flags.DEFINE_string(
    "logdir", "logdir", "The folder of the runs; may be given without --logdir=, too."
)


def main(argv: Sequence[str]) -> int:
    """Prints the table; returns 0, or 1 where there is no run."""
    if len(argv) > 2:
        raise ValueError(f"argument {argv[2]!r}: allowed is one logdir")
    logdir = argv[1] if len(argv) == 2 else LOGDIR.value
    runs, skipped = find_runs(logdir)
    console = make_console()
    if runs:
        console.print(runs_table([_row(run) for run in runs]))
    else:
        print(f"deepxor.compare: no run in logdir={logdir!r}", file=sys.stderr)
    for line in skipped:
        console.print(Text(f"skipped {line}"))
    return 0 if runs else 1


def _row(run: Run) -> tuple[str, dict[str, Any], str]:
    results = dict(run.results)
    remark = "" if run.status == FINISHED else run.status
    if not results:
        results, remark = _unfinished_row(run)
    return run.name, {"replicas": run.experiment.replicas, **results}, remark


def _unfinished_row(run: Run) -> tuple[dict[str, Any], str]:
    """Reads what a run that was killed or is being trained has logged so far."""
    door.load_tensorflow()
    from deepxor.lab.partial import partial_results

    results = partial_results(run)
    if not results:
        return {}, f"{run.status}, no record"
    return results, f"{run.status} at step {results.pop('step')}"


if __name__ == "__main__":
    door.run(main)
