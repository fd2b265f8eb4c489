"""The task of the picture table: convolutional networks by activation, initializer."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from deepxor.sweeps.cells import ACCURACY
from deepxor.vision.config import DISTRIBUTIONS, Recipe, Trial


@dataclass(frozen=True)
class PicturesTask:
    """Describes trials on pictures, each with a run of its own; see `task.Task`.

    Attributes:
        folder: The folder of the trials' runs.
        data_dir: The folder of the data set's files; None to download them.
        distribute: One of `DISTRIBUTIONS`; "mirrored" trains on all GPUs or, where
            there are none, on all CPU devices that TensorFlow was given.
        threads: The threads of a process that trains; 0 for one a core.
    """

    folder: Path
    data_dir: str | None = None
    distribute: str = DISTRIBUTIONS[0]
    threads: int = 1

    name: ClassVar[str] = "pictures"
    title: ClassVar[str] = "Test accuracy"
    score: ClassVar[str] = ACCURACY
    axes: ClassVar[tuple[str, ...]] = ("initializer", "activation")
    columns: ClassVar[dict[str, type]] = {
        "converged": int,
        "accuracy": float,
        "cost": float,
        "accuracy_training": float,
        "cost_training": float,
        "first_gradient": float,
        "last_gradient": float,
        "verdict": str,
        "cause": str,
        "layer": str,
        "evidence": str,
        "advice": str,
        "parameters": int,
    }

    def experiment(self, settings: Mapping[str, Any]) -> Trial:
        """Returns the trial of a cell with the first seed."""
        of_recipe = [field.name for field in dataclasses.fields(Recipe)]
        recipe = Recipe(**{name: settings[name] for name in of_recipe})
        own = {k: v for k, v in settings.items() if k not in of_recipe}
        return Trial(**own, seed=0, recipe=recipe)

    def settings(self, experiment: Trial) -> dict[str, Any]:
        """Returns the settings of a trial by name, with those of its recipe."""
        settings = dataclasses.asdict(experiment)
        del settings["seed"]
        return {**settings, **settings.pop("recipe")}

    def common(self, experiment: Trial) -> Hashable:
        """Returns the same for all trials, so that the seeds come in turn."""
        return None

    def side_by_side(self, experiment: Trial) -> int:
        """Returns 1, as each network fills a core."""
        return 1

    def work(self, experiment: Trial) -> float:
        """Returns 1, as the networks are about alike."""
        return 1.0

    def train(
        self, experiments: Sequence[Trial], replicas: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Trains the trials, whose seeds are their numbers in the cells."""
        from deepxor.vision.train import train_trial

        return [
            train_trial(
                dataclasses.replace(trial, seed=seed),
                self.folder,
                self.data_dir,
                self.distribute,
            )
            for trial, seed in zip(experiments, replicas, strict=True)
        ]
