"""The order in which networks see the digits; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepxor.vision.perceptrons.config import PerceptronExperiment


class Batches:
    """Draws the batches of networks, each of which has an order of its own.

    The order depends on seed and replica number. So replicas are independent trainings,
    which an interval over them takes for granted, while the networks of two cells of a
    map see the same batches and can be compared in pairs. An epoch is a permutation of
    all pictures; what is left at its end and fills no batch is left out.

    Args:
        networks: The settings and the replica number of each network.
        pictures: The number of pictures.
    """

    def __init__(
        self, networks: Sequence[tuple[PerceptronExperiment, int]], pictures: int
    ) -> None:
        keys = [(experiment.seed, replica, 1) for experiment, replica in networks]
        # Networks of the same key see the same batches, which are drawn once.
        self._rngs = {key: np.random.default_rng(key) for key in keys}
        places = {key: place for place, key in enumerate(self._rngs)}
        self._places = [places[key] for key in keys]
        self._pictures = pictures
        self._size = networks[0][0].batch_size
        self._rest = np.empty((len(places), 0, self._size), np.int32)

    def take(self, steps: int) -> np.ndarray:
        """Returns the batches of the next steps.

        Args:
            steps: The number of steps.

        Returns:
            The indices of the pictures, int32 [steps, R, batch].
        """
        parts = [self._rest]
        while sum(part.shape[1] for part in parts) < steps:
            parts.append(self._epoch())
        orders = np.concatenate(parts, axis=1)
        self._rest = orders[:, steps:]
        return np.ascontiguousarray(orders[self._places, :steps].swapaxes(0, 1))

    def _epoch(self) -> np.ndarray:
        full = self._pictures // self._size * self._size
        orders = [rng.permutation(self._pictures) for rng in self._rngs.values()]
        cut = np.array(orders, np.int32)[:, :full]
        return cut.reshape(len(orders), -1, self._size)
