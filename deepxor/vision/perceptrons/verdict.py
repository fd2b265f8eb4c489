"""The verdict on each network, by the rules for ordinary models; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepxor.diagnosis.diagnosis import diagnose
from deepxor.facts import OUTPUT_FACTS
from deepxor.monitor.history import BatchFacts, History
from deepxor.quantities import names

# A training has about so many records, as many as a `fit` of 200 steps has.
RECORDS = 20


class Record(NamedTuple):
    """Holds what was measured of a step of all networks.

    Attributes:
        step: The number of the step.
        table: The quantities, float32 [quantities, layers, R].
        cost: The cost of the batch, [R].
        constant_cost: The cost of the best constant on the same batch, [R].
    """

    step: int
    table: np.ndarray
    cost: np.ndarray
    constant_cost: np.ndarray


def record_every(num_steps: int) -> int:
    """Returns the number of steps from one record to the next.

    Args:
        num_steps: The number of steps of the training.
    """
    return max(1, num_steps // RECORDS)


def verdicts(
    layers: Sequence[str],
    records: Sequence[Record],
    samples: tuple[int, int],
    final_cost: np.ndarray,
) -> list[str]:
    """Returns the verdict on each network.

    Args:
        layers: The names of the layers in forward order.
        records: The records, in the order of their steps.
        samples: The numbers of pictures that a record's activations are of, and that
            its costs are of.
        final_cost: The cost after the last step, [R], by which a network is known that
            has diverged since the last record.

    Returns:
        One of `deepxor.verdicts` for each network.
    """
    found = []
    for network, final in enumerate(final_cost):
        history = History(layers)
        for record in records:
            _add(history, record, network, samples)
        if not np.isfinite(final):
            history.note_bad((records[-1].step + 1, None))
        found.append(diagnose(history.as_dict()).verdict)
    return found


def _add(
    history: History, record: Record, network: int, samples: tuple[int, int]
) -> None:
    table = record.table[:, :, network]
    norms = table[names().index("norm")].astype(np.float64)
    loss, constant = float(record.cost[network]), float(record.constant_cost[network])
    known = {
        "output_skill": 1 - loss / constant,
        "prediction_loss": loss,
        "constant_loss": constant,
        "output_samples": samples[1],
    }
    facts = np.array([known.get(fact.name, np.nan) for fact in OUTPUT_FACTS])
    history.add(
        record.step,
        table,
        float(np.sqrt(np.square(norms).sum())),
        loss,
        samples[0],
        facts=BatchFacts(outputs={history.layers[-1]: facts}),
    )
