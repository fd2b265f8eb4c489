"""The chart of the Custom Scalars tab that all runs share."""

from __future__ import annotations

from tensorboard.plugins.custom_scalar import layout_pb2

CATEGORY = "deepxor"


def gradient_chart() -> layout_pb2.Chart:
    """Returns the chart of the gradient norm of every layer.

    TensorBoard merges the layouts of all runs, and shows charts that are not equal side
    by side. So the chart names no layer, as the next run may have others.
    """
    content = layout_pb2.MultilineChartContent(tag=["^gradient_norm_log10/"])
    return layout_pb2.Chart(
        title="gradient norm of every layer (log10)", multiline=content
    )
