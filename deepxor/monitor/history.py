"""The records of a monitor, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deepxor.events.gradient_flow import joined_layers
from deepxor.quantities import names

# A history with more bytes than this drops every second record of its older half.
MAX_BYTES = 2**25

# So many first records are the baseline of a diagnosis, and are never dropped.
MIN_FIRST = 8


class _Record(NamedTuple):
    step: int
    table: np.ndarray
    global_norm: float
    loss: float
    is_loss_seen: bool
    skill: float
    samples: int


class History:
    """Keeps the records of the layers of one model.

    Args:
        layers: The names of the layers in forward order.

    Attributes:
        layers: The names of the layers in forward order, including those that `join`
            has added.
        made: The number of records that were added, including those dropped since.
        first_bad: The step and the layer of the first gradient that was not finite, or
            None; the layer is None if it is not one of `layers`.
        notes: Maps what is not known to the reason.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.made = 0
        self.first_bad: tuple[int, str | None] | None = None
        self.notes: dict[str, str] = {}
        self._records: list[_Record] = []

    def __len__(self) -> int:
        return len(self._records)

    @property
    def steps(self) -> list[int]:
        """Returns the step of each record, in rising order."""
        return [record.step for record in self._records]

    def join(self, layers: Sequence[str]) -> list[int]:
        """Adds the layers of a later phase of the training to those so far.

        Args:
            layers: The names of the later phase's layers in forward order.

        Returns:
            The column of each of these layers in the tables of the history.
        """
        joined = joined_layers(self.layers, layers) if self.layers else list(layers)
        if joined != self.layers:
            columns = [joined.index(name) for name in self.layers]
            shape = (len(names()), len(joined))
            for number, record in enumerate(self._records):
                table = np.full(shape, np.nan, np.float32)
                table[:, columns] = record.table
                self._records[number] = record._replace(table=table)
            self.layers = joined
        return [joined.index(name) for name in layers]

    def add(
        self,
        step: int,
        table: np.ndarray,
        global_norm: float,
        loss: float,
        skill: float = np.nan,
        samples: int = 0,
        is_loss_seen: bool = True,
    ) -> None:
        """Adds a record.

        Args:
            step: The number of the step, larger than those of earlier records.
            table: float32 [quantities, layers], in the order of
                `quantities.QUANTITIES`.
            global_norm: The L2 norm of the gradient over all layers.
            loss: The loss of the batch.
            skill: The skill of the batch's predictions; NaN if it was not measured.
            samples: The number of samples whose activations were looked at; 0 for none.
            is_loss_seen: Whether the loss is known. If not, a loss of NaN does not mean
                that the loss was NaN.
        """
        table = np.asarray(table, np.float32)
        self._records.append(
            _Record(step, table, global_norm, loss, is_loss_seen, skill, samples)
        )
        self.made += 1
        if len(self) * max(table.nbytes, 1) > MAX_BYTES and len(self) > 100:
            self._thin_out()

    def note_bad(self, bad: tuple[int, str | None] | None) -> None:
        """Notes a gradient that is not finite, if it is earlier than the one noted.

        Args:
            bad: The step and the layer of such a gradient; None if there is none.
        """
        if bad is not None and (self.first_bad is None or bad[0] < self.first_bad[0]):
            self.first_bad = bad

    def latest(self, quantity: str) -> np.ndarray:
        """Returns a quantity of the latest record.

        Args:
            quantity: The name of the quantity.

        Returns:
            float32 [layers].
        """
        return self._records[-1].table[names().index(quantity)]

    def as_dict(self) -> dict[str, Any]:
        """Returns the mapping that `GradientMonitor.history` documents."""
        shape = (len(self), len(names()), len(self.layers))
        tables = np.array([r.table for r in self._records], np.float32).reshape(shape)
        columns = {name: tables[:, i] for i, name in enumerate(names())}
        records = self._records
        return {
            "step": np.array(self.steps, np.int64),
            "layer": list(self.layers),
            **columns,
            "global_norm": np.array([r.global_norm for r in records], np.float32),
            "loss": np.array([r.loss for r in records], np.float64),
            "loss_seen": np.array([r.is_loss_seen for r in records], bool),
            "skill": np.array([r.skill for r in records], np.float64),
            "samples": np.array([r.samples for r in records], np.int64),
            "first_bad": self.first_bad,
            "notes": dict(self.notes),
        }

    def state(self) -> dict[str, np.ndarray]:
        """Returns the history without its notes as arrays, for `from_state`."""
        arrays = self.as_dict()
        del arrays["notes"]
        step, layer = self.first_bad or (-1, "")
        arrays["first_bad"] = np.array([str(step), layer or ""])
        return {name: np.array(value) for name, value in arrays.items()}

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> History:
        """Returns a history with the records that `state` has returned.

        Args:
            state: The result of the `state` method of a history.
        """
        history = cls([str(name) for name in state["layer"]])
        tables = np.stack([state[name] for name in names()], axis=1)
        columns = ("global_norm", "loss", "skill", "samples", "loss_seen")
        for step, table, *values in zip(
            state["step"], tables, *(state[name] for name in columns), strict=True
        ):
            norm, loss, skill, samples, is_seen = values
            history.add(
                int(step), table, float(norm), float(loss), float(skill),
                int(samples), bool(is_seen),
            )  # fmt: skip
        step, layer = state["first_bad"]
        history.first_bad = None if int(step) < 0 else (int(step), str(layer) or None)
        return history

    def _thin_out(self) -> None:
        half = len(self) // 2
        first = range(MIN_FIRST)
        keep = [*first, *range(MIN_FIRST, half, 2), *range(half, len(self))]
        self._records = [self._records[i] for i in keep]
