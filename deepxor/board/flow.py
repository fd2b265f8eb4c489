"""What the Gradient flow tab and the report read of a run: one tensor a record.

Eleven layers of five scalars each would be fifty-five series, a hundred times the bytes
to read. No TensorFlow here: TensorBoard's server imports this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from tensorboard.compat.proto import summary_pb2
from tensorboard.util import tensor_util

PLUGIN_NAME = "gradient_flow"

# The values of a series that TensorBoard keeps, at random but for the latest. The data
# server would keep as many unless told otherwise, the slow loader 10; no more are
# needed, as `overview` sees to.
MAX_VALUES = 100

# A float32 tensor [len(QUANTITIES), layers] at each record.
TAG = "gradient_flow/layers"

# A float32 tensor [columns, 1 + len(QUANTITIES) * layers], now and then: some of the
# records since the last of them, as `overview` chooses. A row is how many steps before
# the event's own the record was, then its tensor, flat.
OVERVIEW_TAG = "gradient_flow/overview"

# A string, JSON of a diagnosis; at the end of a run.
DIAGNOSIS_TAG = "gradient_flow/diagnosis"
DIAGNOSIS_FIELDS = ("verdict", "layer", "evidence", "advice")

# The rows of the tensor. NaN where a quantity was not measured; percentiles are over
# replicas. log10 is floored at -12: where a gradient is exactly zero, its zero fraction
# is 1; where it is NaN or infinite, `non_finite` is its number of such elements.
QUANTITIES = (
    "norm_log10",
    "norm_log10_p10",
    "norm_log10_p90",
    "zero_fraction",
    "non_finite",
    "update_ratio_log10",
    "dead_fraction",
    "saturated_fraction",
)


# Measured at some records only: the latest measurement stands until the next.
_SPARSE = np.isin(
    QUANTITIES, ("update_ratio_log10", "dead_fraction", "saturated_fraction")
)
_NORM, _NON_FINITE = map(QUANTITIES.index, ("norm_log10", "non_finite"))


def table(layers: int, quantities: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the tensor of a record, float32 [len(QUANTITIES), layers].

    Args:
        layers: How many there are.
        quantities: Name -> [layers], any of `QUANTITIES`.
    """
    found = np.full((len(QUANTITIES), layers), np.nan, np.float32)
    for name, values in quantities.items():
        found[QUANTITIES.index(name)] = values
    return found


def filled(table: np.ndarray, latest: np.ndarray) -> np.ndarray:
    """Puts the latest measurement where a record has none.

    Args:
        table: Of the record, [..., len(QUANTITIES), layers].
        latest: Of the record before, filled.
    """
    return np.where(_SPARSE[:, None] & np.isnan(table), latest, table)


def non_finite_layers(tables: np.ndarray) -> np.ndarray:
    """Returns the number of layers, [...], whose gradient is not finite.

    Args:
        tables: [..., len(QUANTITIES), layers].
    """
    is_bad = (tables[..., _NON_FINITE, :] > 0) | ~np.isfinite(tables[..., _NORM, :])
    return is_bad.sum(axis=-1)


def flow_value(
    table: np.ndarray, layers: Sequence[str] | None = None
) -> summary_pb2.Summary.Value:
    """Returns a record.

    Args:
        table: As `table` returns it.
        layers: Names in forward order; to be given with the first record of a file.
    """
    return _value(TAG, table, layers)


def overview_value(
    rows: np.ndarray, layers: Sequence[str] | None = None
) -> summary_pb2.Summary.Value:
    """Returns some of the records since the last overview.

    Args:
        rows: float32 [columns, 1 + len(QUANTITIES) * layers].
        layers: As `flow_value` takes them.
    """
    return _value(OVERVIEW_TAG, rows, layers)


def diagnosis_value(diagnosis: Mapping[str, object]) -> summary_pb2.Summary.Value:
    """Returns a diagnosis.

    Args:
        diagnosis: `DIAGNOSIS_FIELDS`, of which "layer" may be None.
    """
    return summary_pb2.Summary.Value(
        tag=DIAGNOSIS_TAG,
        metadata=_metadata("{}"),
        tensor=tensor_util.make_tensor_proto(json.dumps(dict(diagnosis))),
    )


def names(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Returns the names of the quantities and of the layers, None if it has none.

    Args:
        content: Of the plugin, in the metadata of a series.
    """
    try:
        parsed = json.loads(content)
        found = parsed["quantities"], parsed["layers"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    for part in found:
        if not isinstance(part, list) or not all(isinstance(n, str) for n in part):
            return None
    return (tuple(found[0]), tuple(found[1])) if all(found) else None


def _value(
    tag: str, array: np.ndarray, layers: Sequence[str] | None
) -> summary_pb2.Summary.Value:
    # TensorBoard needs the names once a series; fifty of them are as long as a record.
    metadata = None
    if layers is not None:
        content = {"layers": list(layers), "quantities": QUANTITIES}
        metadata = _metadata(json.dumps(content))
    tensor = tensor_util.make_tensor_proto(array)
    return summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def _metadata(content: str) -> summary_pb2.SummaryMetadata:
    return summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name=PLUGIN_NAME, content=content.encode()
        ),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    )
