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

# A float32 tensor [len(QUANTITIES), layers] at each record.
TAG = "gradient_flow/layers"

# A string, JSON of a diagnosis: verdict, layer, evidence, advice; at the end of a run.
DIAGNOSIS_TAG = "gradient_flow/diagnosis"

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


def flow_value(
    layers: Sequence[str], quantities: Mapping[str, np.ndarray]
) -> summary_pb2.Summary.Value:
    """Returns a record.

    Args:
        layers: Names in forward order.
        quantities: Name -> [layers], any of `QUANTITIES`.
    """
    table = np.full((len(QUANTITIES), len(layers)), np.nan, np.float32)
    for name, values in quantities.items():
        table[QUANTITIES.index(name)] = values
    content = {"layers": list(layers), "quantities": QUANTITIES}
    return summary_pb2.Summary.Value(
        tag=TAG,
        metadata=_metadata(json.dumps(content)),
        tensor=tensor_util.make_tensor_proto(table),
    )


def diagnosis_value(diagnosis: Mapping[str, object]) -> summary_pb2.Summary.Value:
    """Returns a diagnosis.

    Args:
        diagnosis: "verdict", "layer" (may be None), "evidence" and "advice".
    """
    return summary_pb2.Summary.Value(
        tag=DIAGNOSIS_TAG,
        metadata=_metadata("{}"),
        tensor=tensor_util.make_tensor_proto(json.dumps(dict(diagnosis))),
    )


def _metadata(content: str) -> summary_pb2.SummaryMetadata:
    return summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name=PLUGIN_NAME, content=content.encode()
        ),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    )
