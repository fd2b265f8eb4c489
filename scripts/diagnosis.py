"""Measures how good the diagnosis is, next to other tools' rules on the same models.

For example: scripts/diagnosis --cache=/tmp/histories --write

Trains the cases of the benchmark (see diagnosis_cases.py), records each with
`deepxor.GradientMonitor`, and compares verdicts with what is known by outcome. With a
cache the histories are kept, so that rules are scored again without training.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from diagnosis_cases import CASES, PARTS, part_of
from diagnosis_peers import PEERS
from diagnosis_scores import misjudged, tables
from diagnosis_setup import Case
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deepxor import door
from deepxor.monitor.diagnosis import diagnose

DOCUMENT = Path(__file__).parent.parent / "docs" / "diagnosis.md"

PART = flags.DEFINE_enum("part", "report", [*PARTS, "all"], "Which of the cases.")
CACHE = flags.DEFINE_string("cache", None, "A folder that keeps the histories.")
EVERY = flags.DEFINE_integer(
    "every", None, "Steps between records; by default the monitor's own.", lower_bound=1
)
ONLY = flags.DEFINE_string("only", "", "Cases in whose name this is found.")
CHECK = flags.DEFINE_boolean(
    "check", False, "Check by outcome and remedy that the cases are what they say."
)
WRITE = flags.DEFINE_boolean("write", False, "Put the tables into docs/diagnosis.md.")

History = dict[str, Any]


# --- Histories ----------------------------------------------------------------------


def record(case: Case, every: int | None = None) -> History:
    """Trains a case; returns what `GradientMonitor` has recorded of it."""
    from diagnosis_models import train

    import deepxor

    monitor = deepxor.GradientMonitor(every=every)
    train(case, [monitor])
    return monitor.history


def save_history(path: Path, history: Mapping[str, Any], case: Case) -> None:
    """Writes a history into a file, and the case that it is of.

    Args:
        path: A file that ends in .npz.
        history: `GradientMonitor.history`.
        case: What was trained.
    """
    arrays = {key: np.asarray(value) for key, value in history.items()}
    bad = history["first_bad"]
    arrays["first_bad"] = np.array([] if bad is None else [str(bad[0]), bad[1]])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, case=repr(case), **arrays)


def load_history(path: Path, case: Case) -> History | None:
    """Returns the history in a file; None if there is none, or of another case."""
    if not path.exists():
        return None
    with np.load(path) as arrays:
        history: History = dict(arrays)
    if str(history.pop("case")) != repr(case):
        return None
    history["layer"] = history["layer"].tolist()
    bad = history["first_bad"].tolist()
    history["first_bad"] = (int(bad[0]), bad[1]) if bad else None
    return history


def cached_history(case: Case, folder: Path | None, every: int | None) -> History:
    """Returns a case's history from the cache, or trains it and puts it there.

    Args:
        case: The case.
        folder: Of the cache; None without one.
        every: Steps between records; None for the monitor's own choice.
    """
    if folder is None:
        return record(case, every)
    name = re.sub(r"\W+", "_", f"{case.kind} {case.name}")
    path = folder / f"{name}{'' if every is None else f'-{every}'}.npz"
    history = load_history(path, case)
    if history is None:
        load_keras()
        history = record(case, every)
        save_history(path, history, case)
    return history


def load_keras() -> None:
    """Imports TensorFlow and Keras, if they are not yet."""
    if "tensorflow" not in sys.modules:
        door.load_tensorflow()


# --- The front ----------------------------------------------------------------------


def in_progress(cases: Sequence[Case], title: str) -> Iterator[Case]:
    """Yields the cases, while a bar on standard error shows how far it is."""
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
    """Prints how each case ends, alone and remedied; returns how many are wrong."""
    load_keras()
    from diagnosis_models import find_outcome

    wrong = 0
    print(f"{'':5} {'kind':10} {'share':>9} {'other':>6}  case")
    for case in in_progress(cases, "outcomes"):
        outcome = find_outcome(case)
        other = "" if outcome.other is None else f"{outcome.other:.2f}"
        mark = "ok" if outcome.ok else "WRONG"
        print(f"{mark:5} {case.kind:10} {outcome.share:9.3g} {other:>6}  {case.name}")
        wrong += not outcome.ok
    print(f"{len(cases) - wrong} of {len(cases)} cases are what they say.")
    return wrong


def judge(cases: Sequence[Case], folder: Path | None, every: int | None) -> str:
    """Returns what the rules say of the cases, as Markdown."""
    rules: dict[str, Callable[[History], str]] = {
        "deepxor": lambda history: diagnose(history).verdict,
        **PEERS,
    }
    histories = [
        cached_history(case, folder, every) for case in in_progress(cases, "histories")
    ]
    truths = [case.kind for case in cases]
    verdicts = {
        name: [rule(history) for history in histories] for name, rule in rules.items()
    }
    found = [diagnose(history) for history in histories]
    return tables(truths, verdicts) + misjudged(cases, found)


def main(argv: Sequence[str]) -> int:
    """Prints the tables, or writes them into the document; or checks the cases."""
    part = PART.value
    cases = [
        case
        for case in CASES
        if part in ("all", part_of(case)) and re.search(ONLY.value, case.name)
    ]
    if not cases:
        raise ValueError(f"flag --only={ONLY.value}: found in the name of no case")
    if CHECK.value:
        return int(check(cases) > 0)
    folder = Path(CACHE.value) if CACHE.value else None
    text = judge(cases, folder, EVERY.value)
    if WRITE.value:
        write(text, part)
    else:
        print(text)
    return 0


def write(text: str, part: str) -> None:
    """Puts the tables between the markers of a part in the document."""
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"
    document = DOCUMENT.read_text(encoding="utf-8")
    before, rest = document.split(begin)
    _, after = rest.split(end)
    DOCUMENT.write_text(before + begin + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    door.run(main)
