"""Trains one run with output on the console."""

from __future__ import annotations

from rich.text import Text

from deepxor.console.next_step import print_tensorboard
from deepxor.console.progress import ProgressBar
from deepxor.console.tables import make_console, print_runs
from deepxor.xor.checkpoint.checkpoint import FILE as CHECKPOINT
from deepxor.xor.run import FINISHED, RUNNING, Run
from deepxor.xor.train import train


def train_on_console(run: Run, logdir: str, quiet: bool = False) -> int:
    """Trains a run with a progress bar, and prints the results.

    Args:
        run: A new or a resumed run.
        logdir: The logdir as the user gave it, for the command to type next.
        quiet: Whether nothing is printed.

    Returns:
        The exit status: 0, or 128 plus the number of the signal that ended it.

    Raises:
        OSError: If the run cannot be written to.
    """
    if quiet:
        received = train(run)
    else:
        console = make_console()
        experiment = run.experiment
        if run.status != RUNNING:
            has_checkpoint = (run.path / CHECKPOINT).exists()
            start = (
                "its checkpoint" if has_checkpoint else "step 0: it has no checkpoint"
            )
            console.print(Text(f"Resuming {run.name} from {start}"))
        bar = ProgressBar(console, run.name, experiment.num_steps, experiment.replicas)
        with bar:
            received = train(run, [bar])
        results = {"replicas": experiment.replicas, **run.results}
        remark = "" if run.status == FINISHED else run.status
        rows = [(run.name, results, remark)]
        print_runs(console, rows, "see deepxor.compare --csv")
        console.print(Text(f"{run.results['evidence']} {run.results['advice']}"))
        if run.status == FINISHED:
            print_tensorboard(console, logdir)
        else:
            console.print(Text("Next: the same command with --resume"))
    return 0 if received is None else 128 + received
