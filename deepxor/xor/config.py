"""One experiment: which network learns XOR, how, and how often."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, replace
from typing import Any

from deepxor.checks import (
    check_choice,
    check_float32,
    check_integer,
    is_integer,
    refuse,
)
from deepxor.nn.activations import ACTIVATIONS, MAXOUT
from deepxor.nn.initializers import AUTO, check_initial
from deepxor.nn.optimizers import OPTIMIZERS

MAX_LAYERS, MAX_UNITS = 1000, 10_000
HYPOTHESIS = "hypothesis"

# The networks of the ladder by the units of their hidden layers. Every network ends in
# one sigmoid unit.
NETWORKS: dict[str, tuple[int, ...]] = {
    "perceptron": (),
    "two_layer": (2,),
    "wide": (10,),
    "three_layer": (5, 4),
    "deep": (10,) * 10,
    "lecture": (5,) * 10,
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Holds the settings of one run; equal experiments train to the same bit.

    Attributes:
        network: The network, a key of `NETWORKS`.
        hidden_units: The units of each hidden layer, in place of those of the network;
            empty for no hidden layer; None for those of the network.
        depth: The number of hidden layers of `width` units each, in place of those of
            the network; None for those of the network.
        width: The units of each of the `depth` hidden layers.
        activation: The activation of the hidden layers, a key of `ACTIVATIONS`.
        alpha: Minus the limit of elu at minus infinity, above 0.
        pieces: The number of linear pieces of each maxout unit, from 2 to 100.
        initializer: The kernel initializer, a key of `REPLICA_INITIALIZERS`; or "auto"
            for uniform in the lecture's network, and else the one of the activation.
        weight_variance: sigma_w^2 of Schoenholz et al. 2017: all kernels are normal
            with variance `weight_variance` / inputs, whatever the initializer would
            be; None for the initializer.
        bias_variance: sigma_b^2: all biases are normal with this variance; with 0, the
            default, they are 0.
        optimizer: The optimizer, a key of `OPTIMIZERS`.
        learning_rate: The learning rate, above 0.
        num_steps: The number of optimizer steps, each on the whole truth table.
        log_every: The largest number of steps from one record to the next; the first
            records are denser, see `deepxor.record_steps`.
        replicas: The number of independent networks trained side by side.
        seed: The seed, at least 0; replica r draws from a generator seeded with
            (seed, r).
        bits: The number of inputs, from 2 to 10; 2 is XOR, more is parity.
        residual: Whether a hidden layer after the first adds its input to its output
            if both have the same number of units, as in the residual networks of He et
            al. 2016.

    Raises:
        ValueError: If a setting is out of range, or two do not go together.
    """

    network: str = "deep"
    hidden_units: tuple[int, ...] | None = None
    depth: int | None = None
    width: int | None = None
    activation: str = "sigmoid"
    alpha: float = 1.0
    pieces: int = 2
    initializer: str = AUTO
    weight_variance: float | None = None
    bias_variance: float = 0.0
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    num_steps: int = 10_001
    log_every: int = 100
    replicas: int = 100
    seed: int = 0
    bits: int = 2
    residual: bool = False

    def __post_init__(self) -> None:
        check_choice("network", self.network, NETWORKS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_initial(self.initializer, self.weight_variance, self.bias_variance)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_float32("alpha", self.alpha)
        check_float32("learning_rate", self.learning_rate)
        check_integer("pieces", self.pieces, 2, 100)
        check_integer("num_steps", self.num_steps, 1, 10**9)
        check_integer("log_every", self.log_every, 1, 10**9)
        check_integer("replicas", self.replicas, 1, 1_000_000)
        check_integer("seed", self.seed, 0, 2**63 - 1)
        check_integer("bits", self.bits, 2, 10)
        if self.hidden_units is not None:
            object.__setattr__(self, "hidden_units", _as_tuple(self.hidden_units))
            _check_units(self.hidden_units)
        if self.depth is not None:
            check_integer("depth", self.depth, 1, MAX_LAYERS)
        if self.width is not None:
            check_integer("width", self.width, 1, MAX_UNITS)
        if type(self.residual) is not bool:
            refuse("residual", self.residual, "True or False")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if (self.depth is None) != (self.width is None):
            raise ValueError(
                "`depth` and `width` must be given together. Received: "
                f"depth={self.depth}, width={self.width}"
            )
        is_given = {
            "network": self.network != Experiment.network,
            "hidden_units": self.hidden_units is not None,
            "depth": self.depth is not None,
        }
        given = [name for name in is_given if is_given[name]]
        if len(given) > 1:
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in given)
            raise ValueError(
                f"`{given[0]}` and `{given[1]}` must not both be given. Received: "
                f"{values}"
            )
        if self.alpha != Experiment.alpha and self.activation != "elu":
            raise ValueError(
                "`alpha` must be given with activation='elu' only. Received: "
                f"alpha={self.alpha}, activation={self.activation!r}"
            )
        if self.pieces != Experiment.pieces and self.activation != MAXOUT:
            raise ValueError(
                f"`pieces` must be given with activation={MAXOUT!r} only. Received: "
                f"pieces={self.pieces}, activation={self.activation!r}"
            )
        if self.residual and not any(self.shortcuts):
            raise ValueError(
                "`residual` must be given with two hidden layers of as many units, one "
                "after the other, only. Received: "
                f"residual={self.residual}, hidden={self.hidden!r}"
            )

    @property
    def hidden(self) -> tuple[int, ...]:
        """The units of each hidden layer."""
        if self.depth is not None and self.width is not None:
            return (self.width,) * self.depth
        if self.hidden_units is not None:
            return self.hidden_units
        return NETWORKS[self.network]

    @property
    def is_named(self) -> bool:
        """Whether the network is one of `NETWORKS`."""
        return self.hidden_units is None and self.depth is None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers in forward order, which are also their scopes."""
        return (*(f"layer{i + 1}" for i in range(len(self.hidden))), HYPOTHESIS)

    @property
    def shortcuts(self) -> tuple[bool, ...]:
        """Whether each layer adds its input to its output, in forward order."""
        widths = (None, *self.hidden, None)
        return tuple(
            self.residual and before is not None and before == units
            for before, units in itertools.pairwise(widths)
        )

    @property
    def shape(self) -> str:
        """The units from the input to the output, as in "2-5-4-1"."""
        return "-".join(map(str, (self.bits, *self.hidden, 1)))

    @property
    def kernel_initializer(self) -> str:
        """The key of `REPLICA_INITIALIZERS` that is used, with "auto" resolved.

        It has no effect if there is a `weight_variance`.
        """
        if self.initializer != AUTO:
            return self.initializer
        if self.is_named and self.network == "lecture":
            return "uniform"
        return ACTIVATIONS[self.activation].initializer

    @property
    def common(self) -> Experiment:
        """The experiment with the defaults of what may differ among networks.

        Networks with the same one can be trained side by side, as they differ in their
        initial weights and their learning rates only.
        """
        return replace(
            self,
            initializer=AUTO,
            weight_variance=None,
            bias_variance=0.0,
            learning_rate=Experiment.learning_rate,
            replicas=1,
            seed=0,
        )

    @property
    def initial_weights(self) -> str:
        """What the initial weights are drawn from, in words such as "he"."""
        words = self.kernel_initializer
        if self.weight_variance is not None:
            words = f"normal, variance {self.weight_variance:g} / inputs"
        if self.bias_variance:
            words += f"; biases normal, variance {self.bias_variance:g}"
        return words

    @property
    def run_name(self) -> str:
        """The default name of a run's folder, to which a number may be added."""
        network = self.network
        if self.hidden_units is not None:
            network = f"hidden_{'_'.join(map(str, self.hidden_units)) or 'none'}"
        if self.depth is not None:
            network = f"depth{self.depth}_width{self.width}"
        end = "-residual" if self.residual else ""
        return f"{network}-{self.activation}"[: 200 - len(end)] + end

    def to_json(self) -> dict[str, Any]:
        """Returns the settings by name as JSON types, which `from_json` takes."""
        settings = asdict(self)
        if self.hidden_units is not None:
            settings["hidden_units"] = list(self.hidden_units)
        return settings

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> Experiment:
        """Returns the experiment whose `to_json` returned the settings.

        Args:
            settings: The settings by name, of JSON types.

        Returns:
            The experiment.

        Raises:
            ValueError: If a setting is missing, unknown or out of range.
        """
        try:
            return cls(**settings)
        except TypeError as error:
            raise ValueError(f"settings do not fit an experiment: {error}") from None


def _as_tuple(units: Any) -> tuple[int, ...]:
    if not isinstance(units, (tuple, list)):
        refuse("hidden_units", units, "a tuple of integers")
    return tuple(units)


def _check_units(units: tuple[int, ...]) -> None:
    if len(units) > MAX_LAYERS:
        raise ValueError(
            f"`hidden_units` must have at most {MAX_LAYERS} layers. Received: "
            f"{len(units)} layers"
        )
    if not all(is_integer(each, 1, MAX_UNITS) for each in units):
        refuse("hidden_units", units, f"integers from 1 to {MAX_UNITS}")
