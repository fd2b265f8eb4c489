"""What the tab shows of a run beside its gradients: curves and pictures."""

from __future__ import annotations

import math
from typing import Any

from tensorboard.context import RequestContext
from tensorboard.data import provider
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata

# The curves that there may be, by their tags.
TAGS = ("cost", "cost/p10", "cost/p90", "accuracy", "solved", "diverged", "skill")

SURFACE_TAG = "decision_surface"

# The largest number of points of a curve, and of pictures.
MAX_POINTS, MAX_PICTURES = 1_000, 100


def read_curves(
    source: provider.DataProvider, context: RequestContext, experiment: str, run: str
) -> dict[str, Any]:
    """Reads the curves of a run and where its pictures are.

    Args:
        source: TensorBoard's data provider.
        context: The context of the request.
        experiment: TensorBoard's name of the logdir.
        run: The name of the run.

    Returns:
        An object of JSON: "curves" maps a tag of `TAGS` to {"step", "value"}, two lists
        of the same length, where a value that is not finite is None; "surfaces" is a
        list of {"step", "blob"}, rising, where "blob" is the key of the picture in
        TensorBoard's Images tab.
    """
    scalars = source.read_scalars(
        context,
        experiment_id=experiment,
        plugin_name=scalar_metadata.PLUGIN_NAME,
        downsample=MAX_POINTS,
        run_tag_filter=provider.RunTagFilter([run], TAGS),
    ).get(run, {})
    pictures = source.read_blob_sequences(
        context,
        experiment_id=experiment,
        plugin_name=image_metadata.PLUGIN_NAME,
        downsample=MAX_PICTURES,
        run_tag_filter=provider.RunTagFilter([run], [SURFACE_TAG]),
    ).get(run, {})
    return {
        "curves": {
            tag: {
                "step": [datum.step for datum in scalars[tag]],
                "value": [_finite(datum.value) for datum in scalars[tag]],
            }
            for tag in TAGS
            if tag in scalars
        },
        "surfaces": [
            # The first two values of the sequence are width and height.
            {"step": datum.step, "blob": datum.values[2].blob_key}
            for datum in pictures.get(SURFACE_TAG, ())
            if len(datum.values) > 2
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
