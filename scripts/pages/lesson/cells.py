"""The cells of the lesson, each written once for both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter

# The languages by the endings of the files, in the order of `⟦Korean|English⟧`.
LANGUAGES = ("ko", "en")

_WORDS = re.compile(r"⟦(.*?)\|(.*?)⟧")

# The tag with which nbclient, too, leaves out a cell: it is for a person's browser.
SKIPPED = "skip-execution"


@dataclass(frozen=True)
class Text:
    """Holds a cell of Markdown.

    A number is written as `{expression:format}`, which is evaluated in the notebook
    after the cells above. So no number can be another than that of the run.

    Attributes:
        ko: The Korean text.
        en: The English text.
        holds: Expressions that must be true at this place, for what the text says in
            words, such as "more than half".
    """

    ko: str
    en: str
    holds: tuple[str, ...] = ()

    def template(self, language: str) -> str:
        """Returns the text in a language, with its fields not filled yet."""
        return (self.ko if language == "ko" else self.en).strip()

    def fields(self, language: str) -> list[tuple[str, str]]:
        """Returns the expression and the format of each number of the text."""
        parts = Formatter().parse(self.template(language))
        return [(name, form or "") for _, name, form, _ in parts if name is not None]

    def filled(self, language: str, values: list[str]) -> str:
        """Returns the text with its numbers.

        Args:
            language: One of `LANGUAGES`.
            values: The numbers as text, in the order of `fields`.
        """
        rest = iter(values)
        parts = Formatter().parse(self.template(language))
        return "".join(
            before if name is None else before + next(rest)
            for before, name, _, _ in parts
        )


@dataclass(frozen=True)
class Code:
    """Holds a cell of Python, in which texts are written as `⟦Korean|English⟧`.

    Attributes:
        source: The code.
        picture: The name of the picture's file that the cell draws; empty for none.
        tags: The tags of the cell, as `SKIPPED`.
    """

    source: str
    picture: str = ""
    tags: tuple[str, ...] = ()

    def in_language(self, language: str) -> str:
        """Returns the code with the texts of a language."""
        group = LANGUAGES.index(language) + 1
        return _WORDS.sub(lambda match: match[group], self.source.strip())
