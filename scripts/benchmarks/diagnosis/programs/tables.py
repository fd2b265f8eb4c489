"""How often the programs' faults and causes are found, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deepxor.diagnosis.diagnosis import Diagnosis, diagnose
from deepxor.verdicts import HEALTHY, UNDECIDED
from scripts.benchmarks.diagnosis.histories import History, hidden_from_tools
from scripts.benchmarks.diagnosis.peers import PEERS
from scripts.benchmarks.diagnosis.programs.runs import ProgramRun
from scripts.benchmarks.diagnosis.scores import Rate, table

QUIET = (HEALTHY, UNDECIDED)


def program_tables(runs: Sequence[ProgramRun]) -> str:
    """Returns the rates by class and in total, and what was misjudged.

    Args:
        runs: The runs of both versions of the programs.

    Returns:
        Markdown.
    """
    found = [(run, diagnose(run.history)) for run in runs]
    failing = [(run, diagnosis) for run, diagnosis in found if run.fails]
    learning = [(run, diagnosis) for run, diagnosis in found if run.learns]
    programs = {run.program.name for run, _ in failing}
    return (
        f"{len(failing)} failing runs of {len(programs)} faulty programs, "
        f"{len(learning)} runs of repaired ones that learn; three seeds each. Those "
        "that are neither are not counted.\n\n"
        + table(
            ("class", "failing runs", "found", "cause first", "cause named"),
            [_row(group, failing) for group in _groups(failing)],
        )
        + "\n"
        + table(
            ("", "found", "false alarms", "cause first", "cause named"),
            [
                _total(failing, learning),
                *(
                    _peer(name, rules, failing, learning)
                    for name, rules in PEERS.items()
                ),
            ],
        )
        + f"\nOf the causes named first {_precision(failing, 1)} are among those that "
        f"the program was made with, of all that are named {_precision(failing, 3)}.\n"
        + _misjudged(failing, learning)
    )


Found = Sequence[tuple[ProgramRun, Diagnosis]]


def _groups(found: Found) -> list[str]:
    return list(dict.fromkeys(run.program.group for run, _ in found))


def _row(group: str, failing: Found) -> tuple[str, ...]:
    mine = [(run, d) for run, d in failing if run.program.group == group]
    return (
        group,
        str(len(mine)),
        str(sum(d.verdict not in QUIET for _, d in mine)),
        str(sum(_is_named(run, d, 1) for run, d in mine)),
        str(sum(_is_named(run, d, 3) for run, d in mine)),
    )


def _total(failing: Found, learning: Found) -> tuple[str, ...]:
    alarms = sum(d.verdict not in QUIET for _, d in learning)
    hits = sum(d.verdict not in QUIET for _, d in failing)
    named = [
        Rate(sum(_is_named(run, d, n) for run, d in failing), len(failing))
        for n in (1, 3)
    ]
    return (
        "deepxor",
        Rate(hits, len(failing)).with_interval(),
        Rate(alarms, len(learning)).with_interval(),
        *(rate.with_interval() for rate in named),
    )


def _peer(
    name: str, rules: Callable[[History], str], failing: Found, learning: Found
) -> tuple[str, ...]:
    hits = sum(rules(_as_tools_see(run.history)) != HEALTHY for run, _ in failing)
    alarms = sum(rules(_as_tools_see(run.history)) != HEALTHY for run, _ in learning)
    return (
        name,
        Rate(hits, len(failing)).with_interval(),
        Rate(alarms, len(learning)).with_interval(),
        "-",
        "-",
    )


def _as_tools_see(history: History) -> History:
    """Returns a history for rules that depend on the names of activations."""
    facts = history["model"]
    parts = [*facts["hidden"], *facts["outputs"].values()]
    names = {part["layer"]: part["activation"] for part in parts}
    return hidden_from_tools(history, [names.get(x) for x in history["layer"]])


def _is_named(run: ProgramRun, diagnosis: Diagnosis, most: int) -> bool:
    names = [cause.name for cause in diagnosis.causes[:most]]
    return any(name in run.program.causes for name in names)


def _precision(failing: Found, most: int) -> str:
    named = [
        cause.name in run.program.causes
        for run, diagnosis in failing
        for cause in diagnosis.causes[:most]
    ]
    return Rate(sum(named), len(named)).with_interval()


def _misjudged(failing: Found, learning: Found) -> str:
    lines = [
        f"- {run.program.name}, seed {run.seed}, fails: {d.verdict}, "
        f"{', '.join(cause.name for cause in d.causes) or 'no cause'}"
        for run, d in failing
        if d.verdict in QUIET or not _is_named(run, d, 3)
    ]
    lines += [
        f"- {run.program.name}, repaired, seed {run.seed}, learns: {d.verdict}. "
        f"{d.evidence}"
        for run, d in learning
        if d.verdict not in QUIET
    ]
    return (
        "\nNot found, not named, or a false alarm:\n\n"
        + "\n".join(lines or ["- none"])
        + "\n"
    )
