"""Tries to make deepxor lose something, fail with a traceback, or fail in silence.

For example: scripts/torture --trials=1000

Runs and sweeps are killed, interrupted and resumed, with clocks that are wrong by days
and on disks that are full; files are damaged; folders and flags are made up. Whatever
ends well has to end as if nothing had been done to it, to the last bit of its event
files; whatever does not has to say so in one line.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from rich.progress import Progress

from deepxor import quiet
from deepxor.console import app
from scripts.benchmarks.speed.machine import machine
from scripts.benchmarks.speed.report import Report, print_report
from scripts.benchmarks.torture.kinds import KINDS
from scripts.benchmarks.torture.soak import make_reference, plan, soak
from scripts.benchmarks.torture.trial import FAULTS, Outcome

TRIALS = flags.DEFINE_integer("trials", 1000, "Number of trials.", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "Seed of the first trial.", lower_bound=0)
JOBS = flags.DEFINE_integer("jobs", 2, "Trials at the same time.", lower_bound=1)
ONLY = flags.DEFINE_multi_enum(
    "only", [], [kind.name for kind in KINDS], "One kind; may be given again."
)
KEEP = flags.DEFINE_string(
    "keep", "", "Folder in which the folders of trials that failed are left."
)
MARKDOWN = flags.DEFINE_boolean("markdown", False, "Print a Markdown table.")


def main(argv: Sequence[str]) -> int:
    """Does the trials, and prints how many failed.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status: 0, or 1 if a trial failed.

    Raises:
        ValueError: If there are arguments that are no flags.
    """
    app.check_no_arguments(argv)
    quiet.load_tensorflow()  # which TensorBoard's reader of events imports
    kinds = [kind for kind in KINDS if not ONLY.value or kind.name in ONLY.value]
    planned = plan(kinds, TRIALS.value, SEED.value)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(KEEP.value or made).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.monotonic()
        outcomes = []
        with Progress(disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task("trials", total=len(planned))
            reference = make_reference(Path(made) / "reference")
            for outcome in soak(planned, folder, reference, JOBS.value):
                outcomes.append(outcome)
                progress.advance(bar)
                if outcome.fault:
                    line = f"{outcome.kind}, seed {outcome.seed}: {outcome.fault}"
                    print(f"{line}: {outcome.detail}", file=sys.stderr, flush=True)
        minutes = (time.monotonic() - begin) / 60
    print_report(_report(outcomes, minutes), MARKDOWN.value)
    return int(any(outcome.fault for outcome in outcomes))


def _report(outcomes: Sequence[Outcome], minutes: float) -> Report:
    rows = []
    for kind in KINDS:
        own = [outcome for outcome in outcomes if outcome.kind == kind.name]
        if own:
            rows.append((f"{kind.name}: {kind.doc}", *_counts(own)))
    rows.append(("all", *_counts(outcomes)))
    return Report(
        f"{len(outcomes):,} trials, {minutes:.0f} minutes",
        ("what is done", "trials", *FAULTS),
        rows,
        f"{machine()}; seed {SEED.value}.",
    )


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    faults = Counter(outcome.fault for outcome in outcomes)
    return [f"{len(outcomes):,}", *(str(faults[fault]) for fault in FAULTS)]


if __name__ == "__main__":
    app.run(main)
