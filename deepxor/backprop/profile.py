"""The norms of a gradient on its way back through the layers, as they are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class BackwardProfile:
    """Holds the norms of a gradient on its way from the last layer back to the input.

    A stage is a place where the norm is measured. The stages are the last layer's
    output, the same layer before its activation, the output of the layer before, and so
    on to the input. Percentiles are the 10th, the 50th and the 90th of the finite
    values over the replicas.

    Attributes:
        title: A text that says what the network is.
        layers: The names of the layers, the last layer first.
        replicas: R, the number of networks; 1 for a single one.
        norms: The percentiles of the norms by stage, [3, 2 * layers + 1]; NaN where no
            replica has a finite norm.
        slope_factor: The percentiles of the factors by which the activations multiply
            the norm, [3, layers]; NaN where the factor is undefined in every replica.
        weight_factor: The percentiles of the factors by which the weights multiply the
            norm, [3, layers]; NaN where the factor is undefined in every replica.
        zeros: The number of replicas whose gradient is exactly zero at each layer's
            output and, last, at the input, int [layers + 1].
        not_finite: The number of replicas whose gradient is NaN or infinite at each
            layer's output and, last, at the input, int [layers + 1].
        predicted: The predicted slope and weight factors, [2, layers], NaN where there
            is no prediction; None if there is none at all.
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

        It is minus infinity where a norm is zero, and NaN where the norm is not finite
        or the first stage's median is not above 0.
        """
        start = self.norms[1, 0]
        if not start > 0:
            return np.full_like(self.norms, np.nan)
        with np.errstate(divide="ignore"):
            return np.log10(self.norms) - np.log10(start)

    @property
    def predicted_decades(self) -> np.ndarray | None:
        """log10 of the predicted norms, [2 * layers + 1]; None without a prediction.

        A factor that is not predicted is replaced by the measured one.
        """
        if self.predicted is None:
            return None
        slopes, weights = self.predicted
        slopes = np.where(np.isnan(slopes), self.slope_factor[1], slopes)
        factors = np.stack([slopes, weights], axis=1).ravel()
        with np.errstate(divide="ignore"):
            return np.concatenate([[0.0], np.cumsum(np.log10(factors))])
