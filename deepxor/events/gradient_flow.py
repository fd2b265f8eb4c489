"""The tensors that the Gradient flow tab and the report read, one for each record.

Eleven layers of five scalars each would be fifty-five series and a hundred times the
bytes to read. The module needs no TensorFlow, as TensorBoard's server imports it.
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

# The number of values of a series that TensorBoard keeps, which are random but for the
# latest. By default the data server keeps as many, and the slow loader 10. No more are
# needed, as the overviews of events.downsample are fewer.
MAX_VALUES = 100

# The tag of the records, each a float32 tensor [len(QUANTITIES), layers].
TAG = "gradient_flow/layers"

# The tag of the overviews, each a float32 tensor [columns, 1 + len(QUANTITIES) *
# layers] of some of the records since the overview before, which events.downsample
# chooses. A row is the number of steps from the record to the event, and the record's
# tensor, flat.
OVERVIEW_TAG = "gradient_flow/overview"

# A run's first series has these tags. TensorBoard keeps the names of layers and
# quantities that a tag had first. So records with other names are a further series,
# whose tags end in `suffix_of` those names, and readers join all series.
_TAG = re.compile(re.escape(TAG) + "(|-[0-9a-f]{8})")

# The tag of the diagnosis of a run, a string of JSON. Beside the fields it may have
# "is_running", true of a diagnosis that was made before the end of the training, and
# "fault_step", the step of the first record that showed the fault.
DIAGNOSIS_TAG = "gradient_flow/diagnosis"
DIAGNOSIS_FIELDS = ("verdict", "layer", "evidence", "advice", "causes")

# The largest size in bytes of the names of a series, and of a diagnosis.
MAX_NAMES_BYTES, MAX_DIAGNOSIS_BYTES = 2**24, 2**20

# The names of a series: those of its quantities and those of its layers, the latter in
# forward order.
Names = tuple[tuple[str, ...], tuple[str, ...]]


def rows_of(quantity: Quantity) -> tuple[str, ...]:
    """Returns the names of a quantity's rows in the tensor.

    Args:
        quantity: A quantity that the tab gets.
    """
    name = quantity.shown_name
    return (name, f"{name}_p10", f"{name}_p90") if quantity.has_band else (name,)


# What is recorded of replicas beside the percentiles: their number, and the shares of
# them whose gradient of the layer is exactly zero and not finite.
REPLICA_ROWS = REPLICAS, ZERO_REPLICAS, NON_FINITE_REPLICAS = (
    "replicas", "zero_replicas", "non_finite_replicas",
)  # fmt: skip

# The rows of the tensor. A value is NaN if the quantity was not measured. Percentiles
# are over replicas, and other rows are medians over them. log10 is floored at -12: if a
# gradient is exactly zero, its zero fraction is 1; if it has NaN or infinite elements,
# `non_finite` is their number. If the layer was not recorded at all, norm and
# `non_finite` are both NaN.
QUANTITIES = (
    *(row for quantity in in_tab() for row in rows_of(quantity)),
    *REPLICA_ROWS,
)

# Which rows are measured at some records only; a measurement stands until the next one.
_SPARSE = np.array(
    [quantity.source != GRADIENT for quantity in in_tab() for _ in rows_of(quantity)]
    + [False for _ in REPLICA_ROWS]
)
_NORM, _ZERO_FRACTION, _NON_FINITE = map(
    QUANTITIES.index, ("norm_log10", "zero_fraction", "non_finite")
)
_ZERO_REPLICAS, _NON_FINITE_REPLICAS = map(
    QUANTITIES.index, (ZERO_REPLICAS, NON_FINITE_REPLICAS)
)


def table(layers: int, quantities: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the tensor of a record, float32 [len(QUANTITIES), layers].

    Args:
        layers: The number of layers.
        quantities: The values of any of `QUANTITIES` by name, [layers] each.
    """
    found = np.full((len(QUANTITIES), layers), np.nan, np.float32)
    for name, values in quantities.items():
        found[QUANTITIES.index(name)] = values
    return found


def filled(table: np.ndarray, latest: np.ndarray) -> np.ndarray:
    """Returns a record with the latest measurements where it has none of its own.

    Layers that were not recorded stay as they are.

    Args:
        table: The record, [..., len(QUANTITIES), layers].
        latest: The record before it, filled in the same way.
    """
    is_open = np.isnan(table) & ~not_recorded(table)[..., None, :]
    return np.where(_SPARSE[:, None] & is_open, latest, table)


def filled_forward(tables: np.ndarray) -> np.ndarray:
    """Returns records, each with the latest measurements where it has none of its own.

    Args:
        tables: The records by step, [records, len(QUANTITIES), layers].
    """
    found = tables.copy()
    for i in range(1, len(found)):
        found[i] = filled(found[i], found[i - 1])
    return found


def not_recorded(tables: np.ndarray) -> np.ndarray:
    """Returns which layers a record does not have, bool [..., layers].

    Args:
        tables: Records, [..., len(QUANTITIES), layers].
    """
    return np.isnan(tables[..., _NORM, :]) & np.isnan(tables[..., _NON_FINITE, :])


def non_finite_layers(tables: np.ndarray) -> np.ndarray:
    """Returns the number of layers whose gradient is not finite, int [...].

    Args:
        tables: Records, [..., len(QUANTITIES), layers].
    """
    return not_finite(tables).sum(axis=-1)


def not_finite(tables: np.ndarray) -> np.ndarray:
    """Returns which layers' gradients are not finite, bool [..., layers].

    Of replicas, the gradient of a layer is not finite if that of at least half is not.

    Args:
        tables: Records, [..., len(QUANTITIES), layers].
    """
    share = tables[..., _NON_FINITE_REPLICAS, :]
    has_bad = np.where(np.isnan(share), tables[..., _NON_FINITE, :] > 0, share >= 0.5)
    is_bad = has_bad | ~np.isfinite(tables[..., _NORM, :])
    return is_bad & ~not_recorded(tables)


def exactly_zero(tables: np.ndarray) -> np.ndarray:
    """Returns which layers' gradients are exactly zero, bool [..., layers].

    Of replicas, it is the median over those whose gradient is finite.

    Args:
        tables: Records, [..., len(QUANTITIES), layers].
    """
    zeros = tables[..., _ZERO_REPLICAS, :]
    finite = 1 - np.nan_to_num(tables[..., _NON_FINITE_REPLICAS, :])
    is_zero = np.where(
        np.isnan(zeros), tables[..., _ZERO_FRACTION, :] == 1, zeros > 0.5 * finite
    )
    return is_zero & ~not_finite(tables) & ~not_recorded(tables)


def joined_layers(first: Sequence[str], then: Sequence[str]) -> list[str]:
    """Returns all layers of two phases of a training, in forward order.

    Args:
        first: The names of the earlier phase in forward order.
        then: The names of the later phase in forward order, which is kept.

    Returns:
        Each name once. A name that only `first` has follows the name before it there.

    Example:
        >>> joined_layers(["a", "b", "c"], ["a", "c", "d"])
        ['a', 'b', 'c', 'd']
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
    """Returns the part of a tag of records that follows `TAG`.

    Args:
        tag: Any tag.

    Returns:
        The suffix, which is empty for a run's first series; None if it is not a tag of
        records.
    """
    match = _TAG.fullmatch(tag) if tag.startswith(TAG) else None
    return match and match[1]


def suffix_of(names: Names) -> str:
    """Returns the suffix of the tags of a further series.

    It depends on the names alone, so that all writers of the same names write to the
    same tags without knowing of each other.

    Args:
        names: The names of the series.
    """
    quantities, layers = names
    content = {"layers": layers, "quantities": quantities}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def flow_value(
    table: np.ndarray, layers: Sequence[str] | None = None, suffix: str = ""
) -> summary_pb2.Summary.Value:
    """Returns a record as a summary value.

    Args:
        table: The record, as `table` returns it.
        layers: The names of the layers in forward order, which must be given with the
            first record of a series in a file.
        suffix: The suffix of the series' tags.
    """
    return _value(TAG + suffix, table, layers)


def overview_value(
    rows: np.ndarray, layers: Sequence[str] | None = None, suffix: str = ""
) -> summary_pb2.Summary.Value:
    """Returns an overview, some of the records since the last one, as a summary value.

    Args:
        rows: The records, float32 [columns, 1 + len(QUANTITIES) * layers].
        layers: The names of the layers in forward order, which must be given with the
            first overview of a series in a file.
        suffix: The suffix of the series' tags.
    """
    return _value(OVERVIEW_TAG + suffix, rows, layers)


def diagnosis_value(diagnosis: Mapping[str, object]) -> summary_pb2.Summary.Value:
    """Returns a diagnosis as a summary value.

    Args:
        diagnosis: The texts by name, one for each of `DIAGNOSIS_FIELDS`; "layer" and
            "causes" may be None.
    """
    return summary_pb2.Summary.Value(
        tag=DIAGNOSIS_TAG,
        metadata=_metadata("{}"),
        tensor=tensor_util.make_tensor_proto(json.dumps(dict(diagnosis))),
    )


def names(content: bytes) -> Names | None:
    """Returns the names of a series, or None if its metadata has none, or too long.

    Args:
        content: The content of the plugin in the metadata of the series.
    """
    if len(content) > MAX_NAMES_BYTES:
        return None
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
    # The names are written once a series, as fifty of them are as long as a record.
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
