"""The task of the laboratory: networks that learn XOR or parity."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from deepxor.nn.activations import MAXOUT
from deepxor.sweeps.cells import SOLVED
from deepxor.sweeps.task import check_settings
from deepxor.xor.config import Experiment

# The weights of the networks side by side should stay in a core's cache. As many as
# this make a vector of float32; more than 512 gain nothing.
CACHE_BYTES = 2**20
LEAST, MOST = 8, 512


@dataclass(frozen=True)
class XorTask:
    """Describes networks that learn a truth table; see `task.Task`."""

    name: ClassVar[str] = "xor"
    title: ClassVar[str] = "XOR"
    score: ClassVar[str] = SOLVED
    threads: ClassVar[int] = 1
    axes: ClassVar[tuple[str, ...]] = (
        "depth", "width", "network", "activation", "alpha", "pieces", "initializer",
        "weight_variance", "bias_variance", "optimizer", "learning_rate", "num_steps",
        "bits", "residual", "seed",
    )  # fmt: skip
    columns: ClassVar[dict[str, type]] = {
        "solved": int,
        "accuracy": float,
        "cost": float,
        "first_gradient": float,
        "last_gradient": float,
        "verdict": str,
    }

    def experiment(self, settings: Mapping[str, Any]) -> Experiment:
        """Returns the experiment of a cell."""
        check_settings(settings, [field.name for field in fields(Experiment)])
        return Experiment.from_json(dict(settings))

    def settings(self, experiment: Experiment) -> dict[str, Any]:
        """Returns the settings of an experiment by name."""
        settings = experiment.to_json()
        for name in ("replicas", "log_every", "hidden_units"):
            del settings[name]
        has_no_effect = {
            "network": not experiment.is_named,
            "initializer": experiment.weight_variance is not None,
            "alpha": experiment.activation != "elu",
            "pieces": experiment.activation != MAXOUT,
        }
        return {k: v for k, v in settings.items() if not has_no_effect.get(k)}

    def common(self, experiment: Experiment) -> Hashable:
        """Returns the experiment without what may differ from network to network."""
        return experiment.common

    def side_by_side(self, experiment: Experiment) -> int:
        """Returns how many networks train best side by side."""
        fit = CACHE_BYTES // (4 * _weights(experiment))
        return max(LEAST, min(MOST, fit // LEAST * LEAST))

    def work(self, experiment: Experiment) -> float:
        """Returns the number of weights times that of samples and steps."""
        return _weights(experiment) * 2.0**experiment.bits * experiment.num_steps

    def train(
        self, experiments: Sequence[Experiment], replicas: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Trains networks side by side."""
        from deepxor.xor.network.initial import Network
        from deepxor.xor.side_by_side import train_networks

        return train_networks(
            [Network(*pair) for pair in zip(experiments, replicas, strict=True)]
        )


def _weights(experiment: Experiment) -> int:
    sizes = (experiment.bits, *experiment.hidden, 1)
    pairs = itertools.pairwise(sizes)
    return sum((inputs + 1) * units * experiment.pieces for inputs, units in pairs)
