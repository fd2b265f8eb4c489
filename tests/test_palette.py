"""The looks of runs by the formulas of WCAG and of Machado et al. (2009)."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from deepxor.palette import (
    RUN_COLOURS,
    RUN_DASHES,
    RUN_MARKERS,
    run_colour,
    run_dashes,
    run_marker,
)
from deepxor.plugin import static_files

STYLE = static_files.FOLDER / "drawing" / "theme.css"

# Deuteranopia of severity 1, on linear RGB: Machado, Oliveira & Fernandes (2009).
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# Ottosson 2020: from linear RGB to the cones, and from their cube roots to OKLab.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# In OKLab, where black and white are 1 apart and a difference of 0.02 is just seen.
UNLIKE, TOLD_APART = 0.1, 0.04


def linear(colour: str) -> np.ndarray:
    """Returns the linear red, green and blue of "#rrggbb" or "#rgb"."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    coded = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str, sight: np.ndarray) -> float:
    """Returns how unlike two colours are to a kind of sight."""
    cones = [
        (sight @ linear(colour)).clip(0, 1) @ TO_CONES.T for colour in (one, other)
    ]
    here, there = (TO_OKLAB @ np.cbrt(cone) for cone in cones)
    return float(np.linalg.norm(here - there))


def backgrounds() -> set[str]:
    """Returns white paper and what the themes of the tab have for page and card."""
    found = re.findall(r"--(?:page|card): (#[0-9a-f]+);", STYLE.read_text())
    assert len(found) == 4
    return {"#ffffff", *found}


@pytest.mark.parametrize("colour", RUN_COLOURS)
def test_a_run_is_seen_on_every_background(colour: str) -> None:
    assert min(contrast(colour, background) for background in backgrounds()) >= 3


def test_there_are_twelve_colours_and_no_two_alike() -> None:
    assert len(RUN_COLOURS) == 12
    for one, other in combinations(RUN_COLOURS, 2):
        assert distance(one, other, np.eye(3)) > UNLIKE, (one, other)
        assert distance(one, other, DEUTERANOPIA) > TOLD_APART, (one, other)


def test_what_shares_a_dash_or_a_marker_has_another_hue_to_the_colour_blind() -> None:
    for one, other in combinations(range(12), 2):
        shared = [
            run_dashes(one) == run_dashes(other),
            run_marker(one) == run_marker(other),
        ]
        assert not all(shared)
        if any(shared):
            colours = run_colour(one), run_colour(other)
            assert distance(*colours, DEUTERANOPIA) > UNLIKE, colours


def test_the_first_runs_are_a_blue_and_an_orange() -> None:
    red, green, blue = linear(run_colour(0))
    assert blue > green > red
    red, green, blue = linear(run_colour(1))
    assert red > green > blue


def test_dash_and_marker_are_a_pair_of_its_own_for_twenty_runs() -> None:
    pairs = {(run_dashes(i), run_marker(i)) for i in range(20)}
    assert len(pairs) == 20
    assert (len(RUN_DASHES), len(RUN_MARKERS)) == (4, 5)
    assert run_colour(12) == run_colour(0)
