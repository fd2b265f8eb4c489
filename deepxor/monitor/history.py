"""What a monitor has recorded, bounded in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepxor.monitor.statistics import QUANTITIES

# A history that outgrows this drops every second record of its older half.
MAX_BYTES = 2**19


class History:
    """Records of the layers of one model.

    Attributes:
        layers: Names in forward order.
        steps: The step of each record, rising.
        first_bad: Step and layer of the first gradient that was not finite, or None;
            the layer is None if it is not one of these.
    """

    def __init__(self, layers: list[str]) -> None:
        self.layers = layers
        self.steps: list[int] = []
        self.first_bad: tuple[int, str | None] | None = None
        self._tables: list[np.ndarray] = []
        self._global_norms: list[float] = []
        self._losses: list[float] = []
        self._skills: list[float] = []

    def __len__(self) -> int:
        return len(self.steps)

    def add(
        self,
        step: int,
        table: np.ndarray,
        global_norm: float,
        loss: float,
        skill: float = np.nan,
    ) -> None:
        """Adds a record.

        Args:
            step: Later than those before.
            table: float32 [quantities, layers], in the order of `QUANTITIES`.
            global_norm: L2 norm over all layers.
            loss: Of the batch.
            skill: Of its predictions, NaN if it was not measured.
        """
        self.steps.append(step)
        self._tables.append(np.asarray(table, np.float32))
        self._global_norms.append(global_norm)
        self._losses.append(loss)
        self._skills.append(skill)
        if len(self) * max(table.nbytes, 1) > MAX_BYTES and len(self) > 100:
            self._thin_out()

    def latest(self, quantity: str) -> np.ndarray:
        """Returns a quantity of the latest record, float32 [layers]."""
        return self._tables[-1][QUANTITIES.index(quantity)]

    def as_dict(self) -> dict[str, Any]:
        """Returns what `GradientMonitor.history` is."""
        shape = (len(self), len(QUANTITIES), len(self.layers))
        tables = np.array(self._tables, np.float32).reshape(shape)
        columns = {name: tables[:, i] for i, name in enumerate(QUANTITIES)}
        return {
            "step": np.array(self.steps, np.int64),
            "layer": list(self.layers),
            **columns,
            "global_norm": np.array(self._global_norms, np.float32),
            "loss": np.array(self._losses, np.float64),
            "skill": np.array(self._skills, np.float64),
            "first_bad": self.first_bad,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Returns all of it as arrays, for `from_state`."""
        arrays = self.as_dict()
        step, layer = self.first_bad or (-1, "")
        arrays["first_bad"] = np.array([str(step), layer or ""])
        return {name: np.array(value) for name, value in arrays.items()}

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> History:
        """Returns a history with the records of another's `state`."""
        history = cls([str(name) for name in state["layer"]])
        tables = np.stack([state[name] for name in QUANTITIES], axis=1)
        names = ("global_norm", "loss", "skill")
        columns = (state["step"], tables, *(state[name] for name in names))
        for step, table, *numbers in zip(*columns, strict=True):
            history.add(int(step), table, *map(float, numbers))
        step, layer = state["first_bad"]
        history.first_bad = None if int(step) < 0 else (int(step), str(layer) or None)
        return history

    def _thin_out(self) -> None:
        half = len(self) // 2
        keep = [*range(0, half, 2), *range(half, len(self))]
        lists = (
            self.steps, self._tables, self._global_norms, self._losses, self._skills
        )  # fmt: skip
        for rows in lists:
            rows[:] = [rows[i] for i in keep]
