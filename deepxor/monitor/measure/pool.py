"""Pools the samples of several small batches; uses NumPy only."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deepxor.facts import INPUT_FACTS


class Looked(NamedTuple):
    """Holds what was looked at in one step.

    Attributes:
        samples: The number of samples.
        silent: bool [units], whether a unit is zero for all samples. The units of all
            rows follow each other.
        outputs: Maps the name of an output to its targets, predictions and weights,
            [samples, ...] each.
        inputs: The facts of what enters layers, [facts, inputs], see
            `facts.input_facts`; None if they are not known.
    """

    samples: int
    silent: np.ndarray
    outputs: Mapping[str, Sequence[np.ndarray]]
    inputs: np.ndarray | None = None


class Pool:
    """Pools the samples of the latest steps, until there are enough.

    A unit is dead if it is zero for all pooled samples. The mean of the fractions of
    single batches would not do: in batches of one or two samples, half of all units are
    zero for any one sample.

    Args:
        rows: int [units], the index of each unit's row.
        count: The number of rows.
        enough: The number of samples that is enough; older steps that are not needed to
            reach it are left out.

    Attributes:
        rows: int [units], the index of each unit's row.
    """

    def __init__(self, rows: np.ndarray, count: int, enough: int) -> None:
        self.rows = rows
        self._units = np.bincount(rows, minlength=count).astype(float)
        self._enough = enough
        self._steps: deque[Looked] = deque()

    def add(self, looked: Looked) -> None:
        """Adds the samples of a step.

        If its targets or predictions have other shapes, earlier steps are dropped.

        Args:
            looked: What was looked at in the step.
        """
        if self._steps and _shapes(looked) != _shapes(self._steps[-1]):
            self._steps.clear()
        self._steps.append(looked)
        while self.samples - self._steps[0].samples >= self._enough:
            self._steps.popleft()

    def keep_latest(self) -> None:
        """Drops all steps but the latest."""
        while len(self._steps) > 1:
            self._steps.popleft()

    @property
    def samples(self) -> int:
        """Returns the number of pooled samples."""
        return sum(step.samples for step in self._steps)

    def dead_fraction(self) -> np.ndarray:
        """Returns the share of each row's units that are zero for all samples.

        Returns:
            float32 [rows]; NaN for a row without units, and without any samples.
        """
        if not self._steps:
            return np.full(len(self._units), np.nan, np.float32)
        silent = np.logical_and.reduce([step.silent for step in self._steps])
        count = np.bincount(self.rows, silent, len(self._units))
        known = self._units > 0
        shares = np.divide(
            count, self._units, out=np.full(len(count), np.nan), where=known
        )
        return shares.astype(np.float32)

    def outputs(self, latest: int | None = None) -> dict[str, list[np.ndarray]]:
        """Returns targets, predictions and weights of pooled samples.

        Args:
            latest: The number of the latest steps that count; None for all.

        Returns:
            Maps the name of an output to arrays [samples, ...].
        """
        steps = list(self._steps)[-(latest or len(self._steps)) :]
        if not steps:
            return {}
        return {
            name: [
                np.concatenate(parts)
                for parts in zip(*(step.outputs[name] for step in steps), strict=True)
            ]
            for name, arrays in steps[-1].outputs.items()
            if arrays
        }

    def inputs(self) -> np.ndarray | None:
        """Returns the facts of what enters layers, over all pooled samples.

        Returns:
            float64 [facts, inputs]; None if they are not known.
        """
        known = [step for step in self._steps if step.inputs is not None]
        if not known:
            return None
        return pooled_inputs(
            [step.inputs for step in known if step.inputs is not None],
            [step.samples for step in known],
        )


def _shapes(looked: Looked) -> list[tuple[str, list[tuple[int, ...]]]]:
    inputs = [] if looked.inputs is None else [("", [looked.inputs.shape])]
    return inputs + [
        (name, [np.shape(x)[1:] for x in arrays])
        for name, arrays in looked.outputs.items()
    ]


def pooled_inputs(tables: Sequence[np.ndarray], samples: Sequence[int]) -> np.ndarray:
    """Returns the facts of the inputs of several steps together.

    Args:
        tables: [facts, inputs] of each step, as `input_facts` returns them.
        samples: The number of samples of each step.

    Returns:
        float64 [facts, inputs]; NaN for what is not known.
    """
    names = [fact.name for fact in INPUT_FACTS]
    rows = {
        name: np.stack([table[i] for table in tables]).astype(np.float64)
        for i, name in enumerate(names)
    }
    counts = np.array(samples, np.float64)[:, None]
    finite = counts * (1 - rows["input_non_finite"])

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.where(finite > 0, finite * values, 0).sum(axis=0)
        size = finite.sum(axis=0)
        return np.divide(total, size, out=np.full(size.shape, np.nan), where=size > 0)

    pooled = {
        "input_mean": mean(rows["input_mean"]),
        "input_rms": np.sqrt(mean(rows["input_rms"] ** 2)),
        "input_max": np.fmax.reduce(rows["input_max"]),
        "input_non_finite": 1 - finite.sum(axis=0) / counts.sum(),
    }
    return np.stack([pooled[name] for name in names])
