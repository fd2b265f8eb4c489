"""What is recorded of a layer: the one table of quantities; no imports of ours.

These are derived from the table: the keys of the history, the tensors of the Gradient
flow tab and their coding, the tags of the charts, the menu of the tab, and the tables
of the docs.
"""

from __future__ import annotations

from dataclasses import dataclass

# The values of `Quantity.source`: what a quantity is measured on.
GRADIENT = "gradient"
WEIGHTS = "weights"
ACTIVATIONS = "activations"
RECURRENCE = "recurrence"
OUTPUTS = "outputs"

# The values of `Quantity.display`: log10 of the quantity, floored; a share from 0 to 1;
# the quantity as it is.
LOG10 = "log10"
FRACTION = "fraction"
PLAIN = "plain"

# The values of `Quantity.coding`, which `plugin/payload.py` describes.
U16 = "u16"
BYTE_FRACTION = "fraction"
BYTE_COUNT = "count"


@dataclass(frozen=True)
class Quantity:
    """Describes one quantity, a row of the table.

    Attributes:
        name: The key in `GradientMonitor.history`.
        source: What the quantity is measured on: `GRADIENT`, `WEIGHTS`, `ACTIVATIONS`,
            `RECURRENCE`, or `OUTPUTS` for the gradient at the layers' outputs.
        display: How the quantity is shown: `LOG10`, `FRACTION` or `PLAIN`.
        chart: The first part of the tags of its charts in TensorBoard, which are
            `<chart>/<layer>`; None if there is no chart.
        label: The entry in the menu of the Gradient flow tab; None if there is none.
        coding: How the server of the tab codes it, `U16`, `BYTE_FRACTION` or
            `BYTE_COUNT`; None if the tab does not get it.
        doc: A sentence for the docs on what the quantity is.
        has_band: Whether the XOR laboratory also records its percentiles over replicas.
    """

    name: str
    source: str
    display: str
    chart: str | None
    label: str | None
    coding: str | None
    doc: str
    has_band: bool = False

    @property
    def shown_name(self) -> str:
        """The name of what is shown, which ends in `_log10` if that is log10."""
        return f"{self.name}_log10" if self.display == LOG10 else self.name


QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "norm", GRADIENT, LOG10, "gradient_norm_log10", "Gradient norm", U16,
        "The L2 norm of the layer's gradient g: the root of the sum of g² over all its "
        "elements.",
        has_band=True,
    ),
    Quantity(
        "mean_abs", GRADIENT, LOG10, None, None, None,
        "The mean of |g| over the elements.",
    ),
    Quantity(
        "max_abs", GRADIENT, LOG10, None, None, None,
        "The largest |g|.",
    ),
    Quantity(
        "zero_fraction", GRADIENT, FRACTION, "gradient_zero_fraction",
        "Zero fraction of the gradient", BYTE_FRACTION,
        "The share of elements that are exactly 0, from 0 to 1.",
    ),
    Quantity(
        "non_finite", GRADIENT, PLAIN, None, None, BYTE_COUNT,
        "How many elements are NaN or infinite.",
    ),
    Quantity(
        "weight_norm", WEIGHTS, PLAIN, "weight_norm", None, None,
        "The L2 norm of the layer's weights before the step.",
    ),
    Quantity(
        "update_ratio", WEIGHTS, LOG10, "update_ratio_log10", "Update-to-weight ratio",
        U16,
        "The L2 norm of what the step changed, over `weight_norm`. Not of the "
        "gradient: of what the optimizer made of it, with momentum, clipping and "
        "weight decay.",
    ),
    Quantity(
        "dead_fraction", ACTIVATIONS, FRACTION, "dead_fraction", "Dead units",
        BYTE_FRACTION,
        "The share of the layer's units whose activation is exactly 0 for every sample "
        "looked at.",
    ),
    Quantity(
        "saturated_fraction", ACTIVATIONS, FRACTION, "saturated_fraction",
        "Saturated units", BYTE_FRACTION,
        "The share of the layer's activations, over units and samples, that are on a "
        "flat part: where the slope is less than 0.05 of the activation's largest "
        "slope, or less than 0.05 if that is larger than 1.",
    ),
    Quantity(
        "activation_rms", ACTIVATIONS, LOG10, "activation_rms_log10", "Activation RMS",
        U16,
        "The root mean square of the layer's activations, over units and samples; of "
        "its outputs, if it has no activation.",
    ),
    Quantity(
        "time_ratio", RECURRENCE, LOG10, "time_ratio_log10", None, None,
        "Of a recurrent layer: of the gradient with respect to its last output, how "
        "much arrives at its initial state. L2 norm over L2 norm, for the sum of the "
        "outputs.",
    ),
    Quantity(
        "slope_factor", OUTPUTS, LOG10, None, "Slope factor", U16,
        "What the layer's activation multiplies the gradient by on its way back: the "
        "L2 norm at the layer's pre-activations over that at its output. Recorded by "
        "the XOR laboratory only.",
    ),
    Quantity(
        "weight_factor", OUTPUTS, LOG10, None, "Weight factor", U16,
        "What the layer's weights multiply the gradient by on its way back: the L2 "
        "norm at the output of the layer before over that at the layer's "
        "pre-activations. Recorded by the XOR laboratory only.",
    ),
)  # fmt: skip


def names(*sources: str) -> tuple[str, ...]:
    """Returns the names of the quantities, in the order of the table.

    Args:
        *sources: The sources of the wanted quantities; without any, all are returned.
    """
    return tuple(q.name for q in QUANTITIES if not sources or q.source in sources)


def in_tab() -> tuple[Quantity, ...]:
    """Returns the quantities that the Gradient flow tab gets, in their order."""
    return tuple(q for q in QUANTITIES if q.coding is not None)
