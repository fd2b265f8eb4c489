"""A large synthetic logdir."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepxor.events.gradient_flow import QUANTITIES
from deepxor.events.writer import SummaryWriter


@dataclass(frozen=True)
class Scale:
    """The size of a synthetic logdir.

    Attributes:
        runs: The number of runs.
        layers: The number of layers of each run.
        records: The number of records of each run.
    """

    runs: int
    layers: int
    records: int


def make_logdir(folder: Path, scale: Scale) -> None:
    """Writes runs through the writer that the monitor has.

    Args:
        folder: The logdir.
        scale: Its size. All runs are copies of one, as TensorBoard and the tab keep
            nothing across runs.
    """
    rng = np.random.default_rng(0)
    names = [f"layer{i + 1}" for i in range(scale.layers)]
    writer = SummaryWriter(folder / run_name(0))
    decades = np.linspace(-6, -1, scale.layers)
    for step in range(scale.records):
        noise = rng.normal(0, 0.3, (len(QUANTITIES), scale.layers))
        quantities = dict(zip(QUANTITIES, decades + noise, strict=True))
        for name in ("zero_fraction", "dead_fraction", "saturated_fraction"):
            quantities[name] = rng.random(scale.layers)
        quantities["non_finite"] = np.zeros(scale.layers)
        writer.flow(names, quantities, step)
    diagnosis = {"verdict": "healthy", "layer": None, "evidence": "-", "advice": "-"}
    writer.flow_diagnosis(diagnosis, scale.records - 1)
    writer.close()
    for number in range(1, scale.runs):
        shutil.copytree(folder / run_name(0), folder / run_name(number))


def run_name(number: int) -> str:
    """Returns the name of a run, counted from 0."""
    return f"run{number:03}"
