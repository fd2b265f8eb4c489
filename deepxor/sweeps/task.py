"""What a sweep asks of a laboratory; no TensorFlow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol


class Task(Protocol):
    """Describes how the networks of a sweep are made, trained and judged.

    A task is sent to the processes that train, so it must be picklable, and light
    enough to be made before TensorFlow is loaded.
    """

    @property
    def name(self) -> str:
        """The name, as `--task` takes it."""

    @property
    def title(self) -> str:
        """What the networks learn, for the title of a picture."""

    @property
    def score(self) -> str:
        """What the score of a cell is: `cells.SOLVED` or `cells.ACCURACY`."""

    @property
    def axes(self) -> Sequence[str]:
        """The names of the settings that an axis can be of."""

    @property
    def threads(self) -> int:
        """The threads of a process that trains; 0 for one a core.

        With more than one the sums of a training depend on the machine.
        """

    @property
    def columns(self) -> Mapping[str, type]:
        """The results of a network by name, with their types: int, float or str."""

    def experiment(self, settings: Mapping[str, Any]) -> Any:
        """Returns the experiment of a cell, whose networks differ in their number.

        Args:
            settings: The settings by name; others have their defaults.

        Raises:
            ValueError: If there is no such experiment.
        """

    def settings(self, experiment: Any) -> dict[str, Any]:
        """Returns the settings of an experiment by name, those of a default, too."""

    def common(self, experiment: Any) -> Hashable:
        """Returns what networks that are trained side by side must have in common."""

    def side_by_side(self, experiment: Any) -> int:
        """Returns how many networks train best side by side, on any machine."""

    def work(self, experiment: Any) -> float:
        """Returns the work that a network takes, in any unit."""

    def train(
        self, experiments: Sequence[Any], replicas: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Trains networks side by side.

        Args:
            experiments: The experiment of each network, all with the same `common`.
            replicas: The number of each network among those of its experiment.

        Returns:
            The results of each network by the names of `columns`.
        """


def check_settings(settings: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Checks that a task has settings of these names.

    Args:
        settings: The settings by name.
        allowed: The names of the task's settings.

    Raises:
        ValueError: If there is another one.
    """
    for name, value in settings.items():
        if name not in allowed:
            raise ValueError(
                f"Settings of the task must be {', '.join(allowed)}. Received: "
                f"{name}={value!r}"
            )
