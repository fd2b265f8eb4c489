"""A family of cases: variants of one fault, or of one way to learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.benchmarks.diagnosis.cases.case import Case
from scripts.benchmarks.diagnosis.setup import Setup

Settings = Mapping[str, Any]
Variants = Mapping[str, Settings]

ADAM: Settings = {"optimizer": "adam", "rate": 0.01}

# These settings are attributes of `Case`; all others are attributes of its `Setup`.
_OF_CASE = ("remedy", "before", "patience", "seed", "causes")


def family(name: str, kind: str, variants: Variants, **common: Any) -> Iterator[Case]:
    """Yields the cases of a family.

    Args:
        name: The family's name, which stands before the name of each variant.
        kind: The kind of all its cases.
        variants: Each variant's name, and the settings in which it differs from
            `common`: attributes of `Setup` and of `Case`, or a single `rate`.
        **common: The settings of all variants that do not have their own.

    Yields:
        A case a variant. Its seed is its number in the family, unless it has its own.
    """
    for seed, (variant, settings) in enumerate(variants.items()):
        all_settings = _settings({"seed": seed, **common, **settings})
        of_case = {k: all_settings.pop(k) for k in _OF_CASE if k in all_settings}
        for key in ("remedy", "before"):
            if key in of_case:
                of_case[key] = _settings(of_case[key])
        setup = replace(Setup(), **all_settings)
        yield Case(f"{name}: {variant}", kind, setup, **of_case)


def _settings(settings: Settings) -> dict[str, Any]:
    """Returns settings as `Setup` has them: `rates` in place of a single `rate`."""
    settings = dict(settings)
    if "rate" in settings:
        settings["rates"] = ((0, settings.pop("rate")),)
    return settings
