"""What a record of the Gradient flow tab says of a layer."""

import numpy as np

from deepxor.events import gradient_flow


def test_of_replicas_the_median_is_zero_or_not_finite():
    """Five layers: one model, few zero, most zero, half bad, zero of the rest."""
    rows = {
        "norm_log10": [-12, -3, -12, -3, -12],
        "zero_fraction": [1, 0.2, 0.9, 0.0, 0.3],
        "non_finite": [0, 0, 0, 9, 9],
        "zero_replicas": [np.nan, 0.4, 0.51, 0, 0.35],
        "non_finite_replicas": [np.nan, 0, 0, 0.5, 0.4],
    }
    table = gradient_flow.table(5, {k: np.array(v) for k, v in rows.items()})
    assert gradient_flow.exactly_zero(table).tolist() == [1, 0, 1, 0, 1]
    assert gradient_flow.not_finite(table).tolist() == [0, 0, 0, 1, 0]
    assert gradient_flow.non_finite_layers(table) == 1
