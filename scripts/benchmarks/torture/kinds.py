"""All kinds of trials; the list that everything else is made from."""

from __future__ import annotations

from scripts.benchmarks.torture import ends, files, inputs
from scripts.benchmarks.torture.trial import Kind

KINDS = (
    Kind(
        "kill -9",
        "A run is killed up to three times, with a clock that is wrong by days, and "
        "resumed.",
        70,
        ends.kill,
    ),
    Kind("signal", "SIGINT or SIGTERM at any moment, then resumed.", 60, ends.stop),
    Kind("sweep", "A sweep is killed or stopped, and taken up again.", 30, ends.sweep),
    Kind("crowd", "Six runs begin at the same moment.", 10, ends.crowd),
    Kind("full disk", "A run's files can have so many bytes only.", 40, ends.full_disk),
    Kind(
        "event file",
        "An event file of an interrupted run is damaged; then it is resumed.",
        120,
        files.events,
    ),
    Kind(
        "checkpoint",
        "A checkpoint is damaged or made up; then the run is resumed.",
        120,
        files.checkpoint,
    ),
    Kind(
        "finished run",
        "Any file of a finished run is damaged; then it is compared.",
        150,
        files.finished,
    ),
    Kind(
        "foreign folder",
        "A logdir has a run, and folders that hold anything; then it is compared.",
        150,
        inputs.folders,
    ),
    Kind("flags", "A command gets flags that are made up.", 250, inputs.flags),
)
