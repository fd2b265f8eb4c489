"""The records of a monitor, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from deepxor.events.gradient_flow import joined_layers
from deepxor.facts import INPUT_FACTS, OUTPUT_FACTS, Fact
from deepxor.quantities import names

# A history with more bytes than this drops every second record of its older half.
MAX_BYTES = 2**25

# About what Python takes for a record and for an array, beside the numbers.
RECORD_BYTES = 300
ARRAY_BYTES = 250

# A history of this many records is never thinned out.
MIN_RECORDS = 100

# So many first records that diagnoses look at are their baseline, and never dropped.
MIN_FIRST = 8


def max_records(layers: int) -> int:
    """Returns a number of records that no history without facts exceeds.

    Args:
        layers: The number of layers.
    """
    record_bytes = RECORD_BYTES + ARRAY_BYTES + 4 * len(names()) * layers
    # The records that are never dropped are the first ones and some 150 early ones.
    return MAX_BYTES // record_bytes + MIN_RECORDS + 200


@dataclass(frozen=True)
class BatchFacts:
    """Holds what is known of a record's batch, beside the layers.

    Attributes:
        learning_rate: The learning rate in force; NaN if it was not looked at.
        outputs: Maps the name of an output to the facts `OUTPUT_FACTS`, [facts].
        inputs: Maps the name of a layer to the facts `INPUT_FACTS` of what enters it.
    """

    learning_rate: float = np.nan
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def skills(self) -> dict[str, float]:
        """Returns the skill of each output; NaN if it is not known."""
        row = [fact.name for fact in OUTPUT_FACTS].index("output_skill")
        return {name: float(facts[row]) for name, facts in self.outputs.items()}

    @property
    def skill(self) -> float:
        """Returns the smallest skill of all outputs; NaN if one is not known."""
        return float(np.min(list(self.skills.values()) or np.nan))

    @property
    def nbytes(self) -> int:
        """Returns about how much memory the facts take."""
        arrays = [*self.outputs.values(), *self.inputs.values()]
        return sum(ARRAY_BYTES + array.nbytes for array in arrays)


NO_FACTS = BatchFacts()


class _Record(NamedTuple):
    step: int
    table: np.ndarray
    global_norm: float
    loss: float
    is_loss_seen: bool
    samples: int
    facts: BatchFacts
    is_regular: bool

    @property
    def nbytes(self) -> int:
        return RECORD_BYTES + ARRAY_BYTES + self.table.nbytes + self.facts.nbytes


class History:
    """Keeps the records of the layers of one model.

    Args:
        layers: The names of the layers in forward order.

    Attributes:
        layers: The names of the layers in forward order, including those that `join`
            has added.
        regular: The number of records that were added and that diagnoses look at,
            including those dropped since.
        first_bad: The step and the layer of the first gradient that was not finite, or
            None; the layer is None if it is not one of `layers`.
        notes: Maps what is not known to the reason.
        model: The facts of the compiled model, see `model_facts`; empty until its first
            step has been seen.
        is_running: Whether the fit goes on, so that more records may come.
        end: The number of the step before which the fit is to end; None if its length
            is not known.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.regular = 0
        self.first_bad: tuple[int, str | None] | None = None
        self.notes: dict[str, str] = {}
        self.model: dict[str, Any] = {}
        self.is_running = False
        self.end: int | None = None
        self._records: list[_Record] = []
        self._bytes = 0

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
            self._bytes = sum(record.nbytes for record in self._records)
        return [joined.index(name) for name in layers]

    def add(
        self,
        step: int,
        table: np.ndarray,
        global_norm: float,
        loss: float,
        samples: int = 0,
        is_loss_seen: bool = True,
        facts: BatchFacts = NO_FACTS,
        is_regular: bool = True,
    ) -> None:
        """Adds a record.

        Args:
            step: The number of the step, larger than those of earlier records.
            table: float32 [quantities, layers], in the order of
                `quantities.QUANTITIES`.
            global_norm: The L2 norm of the gradient over all layers.
            loss: The loss of the batch.
            samples: The number of samples whose activations were looked at; 0 for none.
            is_loss_seen: Whether the loss is known. If not, a loss of NaN does not mean
                that the loss was NaN.
            facts: What else is known of the batch.
            is_regular: Whether diagnoses look at the record.
        """
        table = np.asarray(table, np.float32)
        record = _Record(
            step, table, global_norm, loss, is_loss_seen, samples, facts, is_regular
        )
        self._records.append(record)
        self._bytes += record.nbytes
        self.regular += is_regular
        if self._bytes > MAX_BYTES and len(self) > MIN_RECORDS:
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
            "skill": np.array([r.facts.skill for r in records], np.float64),
            "samples": np.array([r.samples for r in records], np.int64),
            "regular": np.array([r.is_regular for r in records], bool),
            "learning_rate": np.array(
                [r.facts.learning_rate for r in records], np.float64
            ),
            **_columns("output", OUTPUT_FACTS, [r.facts.outputs for r in records]),
            **_columns("input", INPUT_FACTS, [r.facts.inputs for r in records]),
            "first_bad": self.first_bad,
            "notes": dict(self.notes),
            "model": dict(self.model),
            "is_running": self.is_running,
            "end": self.end,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Returns the records as arrays, for `from_state`, without facts and notes."""
        kept = ("step", "layer", *names(), *_SCALARS)
        arrays = {name: value for name, value in self.as_dict().items() if name in kept}
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
        for step, table, *values in zip(
            state["step"], tables, *(state[name] for name in _SCALARS), strict=True
        ):
            norm, loss, samples, is_seen, is_regular = values
            history.add(
                int(step), table, float(norm), float(loss), int(samples),
                bool(is_seen), NO_FACTS, bool(is_regular),
            )  # fmt: skip
        step, layer = state["first_bad"]
        history.first_bad = None if int(step) < 0 else (int(step), str(layer) or None)
        return history

    def _thin_out(self) -> None:
        """Drops every second record of the older half, but none of the first ones."""
        regular = [i for i, record in enumerate(self._records) if record.is_regular]
        # The early records between the regular ones are few.
        others = regular[MIN_FIRST:]
        half = len(others) // 2
        dropped = {*others[1:half:2]}
        self._records = [r for i, r in enumerate(self._records) if i not in dropped]
        self._bytes = sum(record.nbytes for record in self._records)


# The scalars of a record that `History.state` keeps.
_SCALARS = ("global_norm", "loss", "samples", "loss_seen", "regular")


def _columns(
    key: str, facts: Sequence[Fact], records: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, Any]:
    """Returns facts as arrays [records, names], and the names under the given key."""
    known = list(dict.fromkeys(name for record in records for name in record))
    tables = np.full((len(records), len(facts), len(known)), np.nan)
    for i, record in enumerate(records):
        for name, values in record.items():
            tables[i, :, known.index(name)] = values
    return {key: known, **{fact.name: tables[:, i] for i, fact in enumerate(facts)}}
