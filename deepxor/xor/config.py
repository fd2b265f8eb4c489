"""One experiment: which network learns XOR, how, and how often."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

from deepxor.checks import check_choice, refuse
from deepxor.nn.activations import ACTIVATIONS, MAXOUT
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.xor.optimizers import OPTIMIZERS

AUTO = "auto"
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
        activation: The activation of the hidden layers, a key of `ACTIVATIONS`.
        alpha: Minus the limit of elu at minus infinity, above 0.
        pieces: The number of linear pieces of each maxout unit, from 2 to 100.
        initializer: The kernel initializer, a key of `REPLICA_INITIALIZERS`; or "auto"
            for uniform in the lecture's network, and else the one of the activation.
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
    activation: str = "sigmoid"
    alpha: float = 1.0
    pieces: int = 2
    initializer: str = AUTO
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
        check_choice("initializer", self.initializer, [AUTO, *REPLICA_INITIALIZERS])
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_positive("alpha", self.alpha)
        _check_positive("learning_rate", self.learning_rate)
        _check_range("pieces", self.pieces, 2, 100)
        _check_range("num_steps", self.num_steps, 1, 10**9)
        _check_range("log_every", self.log_every, 1, 10**9)
        _check_range("replicas", self.replicas, 1, 1_000_000)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        _check_range("bits", self.bits, 2, 10)
        if self.hidden_units is not None:
            object.__setattr__(self, "hidden_units", _as_tuple(self.hidden_units))
            _check_units(self.hidden_units)
        if type(self.residual) is not bool:
            refuse("residual", self.residual, "True or False")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.hidden_units is not None and self.network != Experiment.network:
            raise ValueError(
                "`network` and `hidden_units` must not both be given. Received: "
                f"network={self.network!r}, hidden_units={self.hidden_units!r}"
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
        return (
            NETWORKS[self.network] if self.hidden_units is None else self.hidden_units
        )

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
        """The key of `REPLICA_INITIALIZERS` that is used, with "auto" resolved."""
        if self.initializer != AUTO:
            return self.initializer
        if self.hidden_units is None and self.network == "lecture":
            return "uniform"
        return ACTIVATIONS[self.activation].initializer

    @property
    def run_name(self) -> str:
        """The default name of a run's folder, to which a number may be added."""
        network = self.network
        if self.hidden_units is not None:
            network = f"hidden_{'_'.join(map(str, self.hidden_units)) or 'none'}"
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
    if not all(_is_integer(each, 1, MAX_UNITS) for each in units):
        refuse("hidden_units", units, f"integers from 1 to {MAX_UNITS}")


def _check_range(name: str, value: Any, low: int, high: int) -> None:
    if not _is_integer(value, low, high):
        refuse(name, value, f"an integer from {low} to {high}")


def _is_integer(value: Any, low: int, high: int) -> bool:
    # Python takes True for the integer 1.
    return type(value) is not bool and isinstance(value, int) and low <= value <= high


def _check_positive(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Outside of this range it would be 0 or infinite in float32.
    if not is_number or not 1e-37 <= value <= 1e38:
        refuse(name, value, "a number above 0, from 1e-37 to 1e38")
