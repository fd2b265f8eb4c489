"""Measures how good the diagnosis is, next to other tools' rules on the same models.

For example: scripts/diagnosis --cache=/tmp/histories --write

It trains the cases of the benchmark (see the package `cases`), records each with
`deepxor.GradientMonitor`, and compares verdicts with what is known by outcome. With a
cache the histories are kept, so that rules are scored again without training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deepxor import quiet
from deepxor.console import app
from deepxor.diagnosis.diagnosis import diagnose
from scripts.benchmarks.diagnosis.cases import AMBIGUOUS, CASES, PARTS, part_of
from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.histories import (
    as_tools_see,
    cached_history,
    load_keras,
)
from scripts.benchmarks.diagnosis.peers import PEERS
from scripts.benchmarks.diagnosis.scores import causes, misjudged, tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "diagnosis.md"

PART = flags.DEFINE_enum(
    "part", "report", [*PARTS, "all", "ambiguous"], "Which of the cases."
)
CACHE = flags.DEFINE_string("cache", None, "The folder that keeps the histories.")
EVERY = flags.DEFINE_integer(
    "every", None, "Steps between records; by default the monitor's own.", lower_bound=1
)
ONLY = flags.DEFINE_string("only", "", "Cases in whose name this is found.")
PROGRAMS_TOO = flags.DEFINE_boolean(
    "programs", False, "The programs that people ask about, and not the models."
)
CHECK = flags.DEFINE_boolean(
    "check", False, "Check by outcome and remedy that the cases are what they say."
)
WRITE = flags.DEFINE_boolean("write", False, "Put the tables into docs/diagnosis.md.")


def in_progress(cases: Sequence[Any], title: str) -> Iterator[Any]:
    """Yields the cases while a bar on standard error shows how many are done."""
    console = Console(stderr=True)
    with Progress(
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[case]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=len(cases), case="")
        for case in cases:
            progress.update(task, case=case.name)
            yield case
            progress.advance(task)


def check(cases: Sequence[Case]) -> int:
    """Prints how each case ends when it is trained alone, remedied and prolonged.

    Args:
        cases: The cases.

    Returns:
        The number of cases that are not what they say.
    """
    load_keras()
    from scripts.benchmarks.diagnosis.outcome import find_outcome

    wrong = 0
    print(f"{'':5} {'kind':10} {'share':>9} {'remedied':>9} {'prolonged':>9}  case")
    for case in in_progress(cases, "outcomes"):
        outcome = find_outcome(case)
        shares = " ".join(
            f"{'' if share is None else format(share, '.3g'):>9}"
            for share in (outcome.share, outcome.remedied, outcome.prolonged)
        )
        mark = "ok" if outcome.ok else "WRONG"
        print(f"{mark:5} {case.kind:10} {shares}  {case.name}", flush=True)
        wrong += not outcome.ok
    print(f"{len(cases) - wrong} of {len(cases)} cases are what they say.")
    return wrong


def judge(cases: Sequence[Case], folder: Path | None, every: int | None) -> str:
    """Returns the scores of all rules on the cases.

    Args:
        cases: The cases.
        folder: The cache's folder; None for no cache.
        every: Steps between records; None for the monitor's own choice.

    Returns:
        The tables and the misjudged cases, as Markdown.
    """
    histories = [
        cached_history(case, folder, every) for case in in_progress(cases, "histories")
    ]
    found = [diagnose(history) for history in histories]
    truths = [case.kind for case in cases]
    verdicts = {"deepxor": [diagnosis.verdict for diagnosis in found]}
    pairs = zip(histories, cases, strict=True)
    seen = [as_tools_see(history, case) for history, case in pairs]
    for name, rules in PEERS.items():
        verdicts[name] = [rules(history) for history in seen]
    return tables(truths, verdicts) + causes(cases, found) + misjudged(cases, found)


def judge_programs(part: str, folder: Path | None) -> str:
    """Returns the rates of the diagnosis on the programs of a part, as Markdown.

    Args:
        part: One of `PARTS`, or "all".
        folder: The cache's folder; None for no cache.
    """
    # Keras is imported only here, as the flags come first.
    quiet.load_tensorflow()
    from scripts.benchmarks.diagnosis import programs
    from scripts.benchmarks.diagnosis.programs.program import SEEDS
    from scripts.benchmarks.diagnosis.programs.runs import cached_run
    from scripts.benchmarks.diagnosis.programs.tables import program_tables

    chosen = [
        program
        for program in programs.PROGRAMS
        if part in ("all", programs.part_of(program))
        and re.search(ONLY.value, program.name)
    ]
    return program_tables(
        [
            cached_run(program, is_faulty, seed, folder)
            for program in in_progress(chosen, "programs")
            for is_faulty in (True, False)
            for seed in SEEDS
        ]
    )


def main(argv: Sequence[str]) -> int:
    """Prints the tables, writes them into the document, or checks the cases.

    Args:
        argv: The program's name; flags are read elsewhere.

    Returns:
        The exit status: 1 if a checked case is not what it says.

    Raises:
        ValueError: If the flags do not go together.
    """
    part = PART.value
    folder = Path(CACHE.value) if CACHE.value else None
    if PROGRAMS_TOO.value:
        text = judge_programs(part, folder)
        if WRITE.value:
            write(text, f"programs {part}")
        else:
            print(text)
        return 0
    cases = [
        case
        for case in (AMBIGUOUS if part == "ambiguous" else CASES)
        if part in ("all", part_of(case)) and re.search(ONLY.value, case.name)
    ]
    if not cases:
        raise ValueError(
            "`--only` must be found in the name of a case. "
            f"Received: --only={ONLY.value}"
        )
    if WRITE.value and (ONLY.value or part not in PARTS):
        raise ValueError(
            "`--write` must come with a whole part of the cases, --part="
            f"{' or --part='.join(PARTS)}. Received: --part={part} --only={ONLY.value}"
        )
    if CHECK.value:
        return int(check(cases) > 0)
    text = judge(cases, folder, EVERY.value)
    if WRITE.value:
        write(text, part)
    else:
        print(text)
    return 0


def write(text: str, part: str) -> None:
    """Writes the tables between the markers of a part in the document.

    Args:
        text: The tables, as Markdown.
        part: One of `PARTS`.
    """
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"
    document = DOCUMENT.read_text(encoding="utf-8")
    before, rest = document.split(begin)
    _, after = rest.split(end)
    DOCUMENT.write_text(before + begin + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    app.run(main)
