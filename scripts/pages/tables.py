"""Writes into docs/monitor.md what follows from the tables of the package.

For example: .venv/bin/python -m scripts.pages.tables
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deepxor.console import app
from deepxor.diagnosis.causes.table import CAUSES
from deepxor.diagnosis.thresholds import THRESHOLDS, Thresholds
from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS, Fact
from deepxor.quantities import GRADIENT, LOG10, QUANTITIES, Quantity
from deepxor.verdicts import VERDICTS
from scripts.pages.marked import replaced

DOCUMENT = Path(__file__).parents[2] / "docs" / "monitor.md"


def quantities_table() -> str:
    """Returns the quantities of a history, as Markdown."""
    rows = [
        f"| `{quantity.name}` | [records, layers] | {_escaped(quantity.doc)} |"
        for quantity in QUANTITIES
    ]
    return "\n".join(["| key | shape | what it is |", "|---|---|---|", *rows]) + "\n"


def tags_table() -> str:
    """Returns the charts that TensorBoard has of each layer, as Markdown."""
    rows = [
        f"| `{quantity.chart}/<layer>` | {_shown(quantity)} |"
        for quantity in QUANTITIES
        if quantity.chart is not None
    ]
    return "\n".join(["| tag | of the history |", "|---|---|", *rows]) + "\n"


def verdicts_table() -> str:
    """Returns the verdicts and their advice, as Markdown."""
    rows = [
        f"| `{verdict.name}` | {_escaped(verdict.advice)} |" for verdict in VERDICTS
    ]
    return "\n".join(["| verdict | advice |", "|---|---|", *rows]) + "\n"


def facts_table(facts: Sequence[Fact], columns: str) -> str:
    """Returns facts of the data, as Markdown.

    Args:
        facts: A table of `deepxor.facts`.
        columns: What their columns are.
    """
    rows = [
        f"| `{fact.name}` | [records, {columns}] | {_escaped(fact.doc)} |"
        for fact in facts
    ]
    return "\n".join(["| key | shape | what it is |", "|---|---|---|", *rows]) + "\n"


def causes_table() -> str:
    """Returns the causes in their order, as Markdown."""
    rows = [
        f"| `{rule.name}` | {_escaped(rule.sign)} | {_escaped(rule.remedy)} | "
        f"{_escaped(rule.source)} |"
        for rule in CAUSES
    ]
    heading = "| cause | what is seen | what to change | source |"
    return "\n".join([heading, "|---|---|---|---|", *rows]) + "\n"


def thresholds_table() -> str:
    """Returns the thresholds of the rules with their values, as Markdown."""
    section = (inspect.getdoc(Thresholds) or "").split("Attributes:\n")[1]
    docs = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    rows = [
        f"| `{name}` | {getattr(THRESHOLDS, name):.8g} | "
        f"{_escaped(' '.join(text.split()))} |"
        for name, text in docs
    ]
    return "\n".join(["| name | value | |", "|---|---|---|", *rows]) + "\n"


def _shown(quantity: Quantity) -> str:
    text = f"`{quantity.name}`"
    if quantity.display == LOG10:
        text = f"log10 of {text}; below 1e-12, zero included, -12"
    if quantity.source == GRADIENT:
        return text
    return f"{text}; no point where it was not measured"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


# Marker -> what stands there.
TABLES: Mapping[str, Callable[[], str]] = {
    "quantities": quantities_table,
    "tags": tags_table,
    "output facts": lambda: facts_table(OUTPUT_FACTS, "outputs"),
    "input facts": lambda: facts_table(INPUT_FACTS, "inputs"),
    "verdicts": verdicts_table,
    "causes": causes_table,
    "thresholds": thresholds_table,
}


def updated(document: str) -> str:
    """Returns a document with the tables between their markers.

    Args:
        document: Markdown; it has the markers of each table once.

    Raises:
        ValueError: If it has not.
    """
    for name, table in TABLES.items():
        document = replaced(document, name, table())
    return document


def main(argv: Sequence[str]) -> int:
    """Writes the tables into the document."""
    if len(argv) > 1:
        raise ValueError(f"argument {argv[1]!r}: allowed are none")
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(updated(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    app.run(main)
