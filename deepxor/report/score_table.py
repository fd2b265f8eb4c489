"""A table of scores by row and column: for the console, as CSV and as HTML."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from rich.table import Table
from rich.text import Text

from deepxor import verdicts
from deepxor.text import table_csv
from deepxor.verdicts import verdict_style

NOT_CONVERGED = "n/c"

CSV_COLUMNS = (
    "row", "column", "seeds", "converged", "mean", "spread", "verdict", "cause",
    "published",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """Holds the accuracy of one trial with several seeds.

    Attributes:
        accuracies: The accuracies of the seeds that converged, in percent.
        verdicts: The verdicts of all seeds.
        published: The accuracy in a paper, in percent; None if the training did not
            converge there.
        is_published: Whether a paper has a result.
        causes: The likeliest cause of each verdict, as far as one is known.
    """

    accuracies: tuple[float, ...]
    verdicts: tuple[str, ...]
    published: float | None = None
    is_published: bool = False
    causes: tuple[str, ...] = ()

    @property
    def mean(self) -> float | None:
        """The mean accuracy of the seeds that converged; None if none has."""
        return statistics.mean(self.accuracies) if self.accuracies else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the accuracies; None for fewer than two."""
        if len(self.accuracies) < 2:
            return None
        return statistics.stdev(self.accuracies)

    @property
    def verdict(self) -> str:
        """The most frequent verdict; empty if there is none."""
        return Counter(self.verdicts).most_common(1)[0][0] if self.verdicts else ""

    @property
    def verdict_text(self) -> str:
        """The verdict, or all verdicts with their counts as in "2 dead, 1 healthy"."""
        return _counted(self.verdicts)

    @property
    def cause_text(self) -> str:
        """The causes, as `verdict_text` has the verdicts; empty if none is known."""
        return _counted([cause.replace("_", " ") for cause in self.causes])

    @property
    def text(self) -> str:
        """The text in the table, such as "96.1 ± 0.4 (2 of 3)"."""
        if not self.verdicts:
            return "-"
        if self.mean is None:
            return NOT_CONVERGED
        text = f"{self.mean:.1f}"
        if self.spread is not None:
            text += f" ± {self.spread:.1f}"
        if len(self.accuracies) < len(self.verdicts):
            text += f" ({len(self.accuracies)} of {len(self.verdicts)})"
        return text

    @property
    def published_text(self) -> str:
        """The text of the published accuracy; empty if nothing is published."""
        if not self.is_published:
            return ""
        return NOT_CONVERGED if self.published is None else f"{self.published:.2f}"


def _counted(names: Sequence[str]) -> str:
    """Returns the name, or all names with their counts if there are several."""
    counts = Counter(names).most_common()
    if len(counts) < 2:
        return counts[0][0] if counts else ""
    return ", ".join(f"{count} {name}" for name, count in counts)


# The scores by row and column.
Scores = Mapping[tuple[str, str], Score]


def console_table(
    title: str, rows: Sequence[str], columns: Sequence[str], scores: Scores
) -> Table:
    """Returns a table with the verdict below each score that did not converge.

    Args:
        title: The text above the table.
        rows: The names of the rows from top to bottom.
        columns: The names of the columns from left to right.
        scores: The score of every row and column.
    """
    table = Table(title=Text(title))
    table.add_column("")
    for column in columns:
        table.add_column(Text(column), justify="right")
    for row in rows:
        cells = [_console_cell(scores[row, column]) for column in columns]
        table.add_row(Text(row), *cells)
    return table


def _console_cell(score: Score) -> Text:
    text = Text(score.text)
    if score.verdicts and score.mean is None:
        text.append("\n").append(score.verdict_text, verdict_style(score.verdict))
        if score.causes:
            text.append(f"\n{score.cause_text}", "dim")
    if score.is_published:
        text.append(f"\n[{score.published_text}]", "dim")
    return text


def score_csv(rows: Sequence[str], columns: Sequence[str], scores: Scores) -> str:
    """Returns CSV with a heading and a line for each score.

    Args:
        rows: The names of the rows from top to bottom.
        columns: The names of the columns from left to right.
        scores: The score of every row and column.
    """
    lines = []
    for row in rows:
        for column in columns:
            score = scores[row, column]
            seeds, converged = len(score.verdicts), len(score.accuracies)
            numbers = [_rounded(value) for value in (score.mean, score.spread)]
            texts = (score.verdict_text, score.cause_text, score.published_text)
            lines.append([row, column, seeds, converged, *numbers, *texts])
    return table_csv(CSV_COLUMNS, lines)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def score_html(
    title: str,
    facts: Sequence[tuple[str, Any]],
    rows: Sequence[str],
    columns: Sequence[str],
    scores: Scores,
) -> str:
    """Returns the table as an HTML page without scripts or other files.

    Args:
        title: The text above the table.
        facts: The names and values of the settings of the whole table.
        rows: The names of the rows from top to bottom.
        columns: The names of the columns from left to right.
        scores: The score of every row and column.
    """
    template = resources.files("deepxor.report").joinpath("score_table.html.j2")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        title=title,
        facts=facts,
        rows=rows,
        columns=columns,
        scores=scores,
        verdicts=verdicts.by_name(),
        has_published=any(score.is_published for score in scores.values()),
    )
