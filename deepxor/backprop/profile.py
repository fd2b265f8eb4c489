"""The numbers of a gradient's way back through the layers, as they are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class BackwardProfile:
    """The norms of a gradient on its way from the last layer back to the input.

    A stage is a place where the norm is measured: the last layer's output, the same
    layer before its activation, the output of the layer before, and so on; the input.
    Percentiles are the 10th, the 50th and the 90th over the replicas, of what is
    finite.

    Attributes:
        title: What the network is.
        layers: Names, the last layer first.
        replicas: R, 1 for a single network.
        norms: Percentiles [3, 2 * layers + 1]; NaN where no replica's is finite.
        slope_factor: Percentiles [3, layers]; what the activation multiplies the norm
            by; NaN where it is undefined in every replica.
        weight_factor: Percentiles [3, layers], of the weights likewise.
        zeros: int [layers + 1], the number of replicas whose gradient is exactly zero
            at the layer's output; the last is the input.
        not_finite: int [layers + 1], likewise of those that are NaN or infinite.
        predicted: Slope and weight factor, [2, layers], NaN where there is none; or
            None.
    """

    title: str
    layers: tuple[str, ...]
    replicas: int
    norms: np.ndarray
    slope_factor: np.ndarray
    weight_factor: np.ndarray
    zeros: np.ndarray
    not_finite: np.ndarray
    predicted: np.ndarray | None = None

    @property
    def decades(self) -> np.ndarray:
        """log10 of the norms over the first stage's median, [3, 2 * layers + 1].

        Minus infinity where a norm is zero, NaN where it is undefined or there is
        nothing to compare with.
        """
        start = self.norms[1, 0]
        if not start > 0:
            return np.full_like(self.norms, np.nan)
        with np.errstate(divide="ignore"):
            return np.log10(self.norms) - np.log10(start)

    @property
    def predicted_decades(self) -> np.ndarray | None:
        """log10 of the predicted norms, [2 * layers + 1], None without a prediction.

        Where one factor is not predicted, it is taken as measured.
        """
        if self.predicted is None:
            return None
        slopes, weights = self.predicted
        slopes = np.where(np.isnan(slopes), self.slope_factor[1], slopes)
        factors = np.stack([slopes, weights], axis=1).ravel()
        with np.errstate(divide="ignore"):
            return np.concatenate([[0.0], np.cumsum(np.log10(factors))])
