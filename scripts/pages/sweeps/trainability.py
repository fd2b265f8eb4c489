"""The map of Schoenholz et al. 2017, fig. 5: ours beside a published one, in words."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import spearmanr

from deepxor.statistics import wilson_interval
from deepxor.sweeps.theory import CHAOTIC, ORDERED, propagate
from scripts.pages.sweeps.boundary import (
    ACTIVATION,
    BIAS_VARIANCE,
    HALF,
    boundary,
)

# The sweep whose folder is read; the flags are those of the command.
COMMAND = (
    "python -m deepxor.sweep --task=digits --axis=depth=10:97:3 "
    "--axis=weight_variance=1:3.85:0.15 --activation=tanh --bias_variance=0.05 "
    "--width=64 --learning_rate=0.005 --num_steps=400 --batch_size=64 --replicas=8 "
    "--run_name=trainability"
)


# Ten digits are guessed right in a tenth of the cases.
OUTCOMES = (
    ("at least 1/2", HALF, np.inf),
    ("1/5 to 1/2", 0.2, HALF),
    ("below 1/5", -np.inf, 0.2),
)


class Map(NamedTuple):
    """Holds a map.

    Attributes:
        depths: The depths, in rising order, [depths].
        variances: The weight variances, in rising order, [variances].
        accuracy: The accuracies of the networks, [depths, variances, networks].
        verdicts: The verdicts of the networks, [depths, variances, networks]; empty if
            they are not known.
        growth: log10 of the gradient norm at the first layer over that at the last one
            before the first step, [depths, variances, networks]; empty likewise.
    """

    depths: np.ndarray
    variances: np.ndarray
    accuracy: np.ndarray
    verdicts: np.ndarray
    growth: np.ndarray


def read_sweep(folder: Path) -> Map:
    """Returns the map of a sweep over depth and weight_variance.

    Args:
        folder: The folder of the sweep.
    """
    with (folder / "networks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    depths = np.unique([int(row["depth"]) for row in rows])
    variances = np.unique([float(row["weight_variance"]) for row in rows])
    networks = 1 + max(int(row["replica"]) for row in rows)
    shape = (len(depths), len(variances), networks)
    accuracy, growth = np.full(shape, np.nan), np.full(shape, np.nan)
    verdicts = np.full(shape, "", object)
    for row in rows:
        if row["error"]:
            continue
        place = (
            int(np.searchsorted(depths, int(row["depth"]))),
            int(np.searchsorted(variances, float(row["weight_variance"]))),
            int(row["replica"]),
        )
        accuracy[place] = float(row["accuracy"])
        first, last = float(row["first_gradient"]), float(row["last_gradient"])
        growth[place] = np.log10(first / last)
        verdicts[place] = row["verdict"]
    return Map(depths, variances, accuracy, verdicts, growth)


def read_published(folder: Path) -> Map:
    """Returns the map of the repository ghliu/mean-field-fcdnn.

    Args:
        folder: The folder with its file train_acc.npz.
    """
    with np.load(folder / "train_acc.npz") as data:
        accuracy = data["train_acc"][:, :, None]
        none = np.zeros(0)
        return Map(data["ygrid"], data["xgrid"], accuracy, none, none)


def comparison_table(ours: Map, published: Map) -> str:
    """Returns how our map and the published one agree, as Markdown.

    Args:
        ours: Our map.
        published: The published map, which is interpolated at our cells.
    """
    grid = np.meshgrid(ours.depths, ours.variances, indexing="ij")
    at = RegularGridInterpolator(
        (published.depths, published.variances), published.accuracy[:, :, 0]
    )
    theirs = at(np.stack(grid, -1))
    mean = ours.accuracy.mean(axis=2)
    correlation = spearmanr(mean.ravel(), theirs.ravel()).statistic
    agree = (mean >= HALF) == (theirs >= HALF)
    low, high = wilson_interval(int(agree.sum()), agree.size)
    lines = [
        "| | this map | published map |",
        "|---|---|---|",
        "| pictures, width | digits, 64 | MNIST, 300 |",
        "| accuracy on | test pictures | training pictures |",
    ]
    for side in (ORDERED, CHAOTIC):
        texts = []
        for each in (ours, published):
            found = boundary(each.depths, each.variances, each.accuracy, side)
            text = f"{found.median:.2f}"
            if np.isfinite(found.low):
                text += f" (95 % interval {found.low:.2f} to {found.high:.2f})"
            spread = f"{found.p10:.2f} to {found.p90:.2f}"
            texts.append(f"{text}; {spread} in {found.columns} columns")
        lines.append(f"| depth of the boundary / ξ_c, {side} | {' | '.join(texts)} |")
    count = f"{agree.sum()} of {agree.size}"
    lines += [
        f"| rank correlation of the accuracies (Spearman) | {correlation:.3f} | |",
        f"| cells that agree on an accuracy of at least 1/2 | {count}: "
        f"{agree.mean():.3f} ({low:.3f} to {high:.3f}) | |",
    ]
    return "\n".join(lines) + "\n"


def verdicts_table(ours: Map) -> str:
    """Returns the verdicts by the theory's side and by outcome, as Markdown.

    Args:
        ours: Our map.
    """
    phases = propagate(ACTIVATION, ours.variances, BIAS_VARIANCE).phase
    sides = np.broadcast_to(np.asarray(phases)[None, :, None], ours.accuracy.shape)
    names = sorted(set(ours.verdicts.ravel()))
    lines = [
        f"| theory | accuracy | networks | gradient | {' | '.join(names)} |",
        "|---|---|---:|---:" + "|---:" * len(names) + "|",
    ]
    for side in (ORDERED, CHAOTIC):
        for what, low, high in OUTCOMES:
            chosen = (sides == side) & (ours.accuracy >= low) & (ours.accuracy < high)
            found = ours.verdicts[chosen]
            counts = Counter(found)
            total = max(len(found), 1)
            shares = [f"{counts[name] / total:.2f}" for name in names]
            growth = f"{np.median(ours.growth[chosen]):+.1f}" if len(found) else ""
            lines.append(
                f"| {side} | {what} | {len(found)} | {growth} | {' | '.join(shares)} |"
            )
    return "\n".join(lines) + "\n"
