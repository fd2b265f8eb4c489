"""What the Gradient flow tab and the report read of a run: one tensor a record.

Eleven layers of five scalars each would be fifty-five series, a hundred times the bytes
to read. No TensorFlow here: TensorBoard's server imports this.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
from tensorboard.compat.proto import summary_pb2
from tensorboard.util import tensor_util

from deepxor.quantities import GRADIENT, Quantity, in_tab

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

# A run's first series has these tags. TensorBoard keeps the names of layers and
# quantities that a tag had first, so what is recorded under other names is a further
# series: its tags have `suffix_of` those names behind them, and readers join them all.
_TAG = re.compile(re.escape(TAG) + "(|-[0-9a-f]{8})")

# A string, JSON of a diagnosis; at the end of a run.
DIAGNOSIS_TAG = "gradient_flow/diagnosis"
DIAGNOSIS_FIELDS = ("verdict", "layer", "evidence", "advice")

# The names of a series: of its quantities, and of its layers in forward order.
Names = tuple[tuple[str, ...], tuple[str, ...]]


def rows_of(quantity: Quantity) -> tuple[str, ...]:
    """Returns the names of a quantity's rows in the tensor.

    Args:
        quantity: One that the tab gets.
    """
    name = quantity.shown_name
    return (name, f"{name}_p10", f"{name}_p90") if quantity.has_band else (name,)


# The rows of the tensor. NaN where a quantity was not measured; percentiles are over
# replicas. log10 is floored at -12: where a gradient is exactly zero, its zero fraction
# is 1; where it is NaN or infinite, `non_finite` is its number of such elements. Where
# the layer was not recorded at all, norm and `non_finite` are both NaN.
QUANTITIES = tuple(row for quantity in in_tab() for row in rows_of(quantity))

# Measured at some records only: the latest measurement stands until the next.
_SPARSE = np.array(
    [quantity.source != GRADIENT for quantity in in_tab() for _ in rows_of(quantity)]
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
    """Puts the latest measurement where a record has none, but has the layer.

    Args:
        table: Of the record, [..., len(QUANTITIES), layers].
        latest: Of the record before, filled.
    """
    is_open = np.isnan(table) & ~not_recorded(table)[..., None, :]
    return np.where(_SPARSE[:, None] & is_open, latest, table)


def filled_forward(tables: np.ndarray) -> np.ndarray:
    """Puts the latest measurement where a record has none, from the first one on.

    Args:
        tables: [records, len(QUANTITIES), layers].
    """
    found = tables.copy()
    for i in range(1, len(found)):
        found[i] = filled(found[i], found[i - 1])
    return found


def not_recorded(tables: np.ndarray) -> np.ndarray:
    """Returns which layers, [..., layers], a record has nothing of.

    Args:
        tables: [..., len(QUANTITIES), layers].
    """
    return np.isnan(tables[..., _NORM, :]) & np.isnan(tables[..., _NON_FINITE, :])


def non_finite_layers(tables: np.ndarray) -> np.ndarray:
    """Returns the number of layers, [...], whose gradient is not finite.

    Args:
        tables: [..., len(QUANTITIES), layers].
    """
    is_bad = (tables[..., _NON_FINITE, :] > 0) | ~np.isfinite(tables[..., _NORM, :])
    return (is_bad & ~not_recorded(tables)).sum(axis=-1)


def joined_layers(first: Sequence[str], then: Sequence[str]) -> list[str]:
    """Returns all layers of two phases of a training, in forward order.

    Args:
        first: Names in forward order.
        then: Those of the later phase, whose order counts.

    Returns:
        Each once; one that only `first` has stands behind the one before it there.
    """
    later = dict.fromkeys(then)
    behind: dict[str | None, list[str]] = {None: []}
    latest = None
    for layer in dict.fromkeys(first):
        if layer in later:
            latest = layer
        else:
            behind.setdefault(latest, []).append(layer)
    found = behind[None]
    for layer in later:
        found += [layer, *behind.get(layer, [])]
    return found


def tag_suffix(tag: str) -> str | None:
    """Returns what a tag of records has behind `TAG`, "" of a run's first series.

    Args:
        tag: Any.

    Returns:
        None if it is not a tag of records.
    """
    match = _TAG.fullmatch(tag) if tag.startswith(TAG) else None
    return match and match[1]


def suffix_of(names: Names) -> str:
    """Returns what the tags of a further series have behind them.

    Whoever writes under the same names, writes to the same tags, and need not know what
    others have written.

    Args:
        names: Of the series.
    """
    quantities, layers = names
    content = {"layers": layers, "quantities": quantities}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def flow_value(
    table: np.ndarray, layers: Sequence[str] | None = None, suffix: str = ""
) -> summary_pb2.Summary.Value:
    """Returns a record.

    Args:
        table: As `table` returns it.
        layers: Names in forward order; to be given with a series' first record in a
            file.
        suffix: Of the series' tags.
    """
    return _value(TAG + suffix, table, layers)


def overview_value(
    rows: np.ndarray, layers: Sequence[str] | None = None, suffix: str = ""
) -> summary_pb2.Summary.Value:
    """Returns some of the records since the last overview.

    Args:
        rows: float32 [columns, 1 + len(QUANTITIES) * layers].
        layers: As `flow_value` takes them.
        suffix: Of the series' tags.
    """
    return _value(OVERVIEW_TAG + suffix, rows, layers)


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


def names(content: bytes) -> Names | None:
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
