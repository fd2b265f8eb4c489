"""The task of pictures: fully connected networks that learn scikit-learn's digits."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from deepxor.sweeps.cells import ACCURACY
from deepxor.sweeps.task import check_settings
from deepxor.vision.perceptrons import chunk
from deepxor.vision.perceptrons.config import PerceptronExperiment


@dataclass(frozen=True)
class DigitsTask:
    """Describes networks that learn pictures of digits; see `task.Task`."""

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "Digits"
    score: ClassVar[str] = ACCURACY
    threads: ClassVar[int] = 1
    axes: ClassVar[tuple[str, ...]] = tuple(
        field.name for field in dataclasses.fields(PerceptronExperiment)
    )
    columns: ClassVar[dict[str, type]] = {
        "accuracy": float,
        "cost": float,
        "first_gradient": float,
        "last_gradient": float,
        "verdict": str,
    }

    def experiment(self, settings: Mapping[str, Any]) -> PerceptronExperiment:
        """Returns the experiment of a cell."""
        if importlib.util.find_spec("sklearn") is None:
            raise ValueError(
                "The digits need scikit-learn: pip install 'deepxor[images]'"
            )
        check_settings(settings, self.axes)
        return PerceptronExperiment(**settings)

    def settings(self, experiment: PerceptronExperiment) -> dict[str, Any]:
        """Returns the settings of an experiment by name."""
        settings = dataclasses.asdict(experiment)
        if experiment.weight_variance is not None:
            del settings["initializer"]
        return settings

    def common(self, experiment: PerceptronExperiment) -> Hashable:
        """Returns what networks side by side must have in common."""
        return experiment.shape_key

    def side_by_side(self, experiment: PerceptronExperiment) -> int:
        """Returns how many networks train best side by side."""
        return chunk.networks_in_chunk(experiment)

    def work(self, experiment: PerceptronExperiment) -> float:
        """Returns about the number of multiplications that a network takes."""
        return chunk.work(experiment)

    def train(
        self, experiments: Sequence[PerceptronExperiment], replicas: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Trains networks side by side."""
        from deepxor.vision.perceptrons.train import train

        return train(experiments, replicas)
