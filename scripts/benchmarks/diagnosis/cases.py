"""The cases of the diagnosis benchmark, and their two parts.

Cases come in families. Every other case is for designing rules, and those between are
for reporting how good the rules are: both parts have all kinds and all families.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.benchmarks.diagnosis.setup import (
    DEAD,
    EXPLODING,
    HEALTHY,
    SATURATED,
    UNKNOWN,
    VANISHING,
    Case,
    Setup,
)

Settings = Mapping[str, Any]
Variants = Mapping[str, Settings]

PARTS = ("design", "report")

# Of `Case`; all else belongs to its `Setup`.
_OF_CASE = ("remedy", "before", "patience", "seed")


def _settings(settings: Settings) -> dict[str, Any]:
    """Returns settings of `Setup`, a single `rate` turned into its `rates`."""
    settings = dict(settings)
    if "rate" in settings:
        settings["rates"] = ((0, settings.pop("rate")),)
    return settings


def _family(name: str, kind: str, variants: Variants, **common: Any) -> Iterator[Case]:
    """Yields the cases of a family.

    Args:
        name: Stands before the name of each variant.
        kind: Of all of them.
        variants: By name, what differs from `common`: attributes of `Setup` and `Case`.
        **common: The same, of all variants that do not say otherwise.
    """
    for seed, (variant, settings) in enumerate(variants.items()):
        all_settings = _settings({"seed": seed, **common, **settings})
        of_case = {k: all_settings.pop(k) for k in _OF_CASE if k in all_settings}
        for key in ("remedy", "before"):
            if key in of_case:
                of_case[key] = _settings(of_case[key])
        setup = replace(Setup(), **all_settings)
        yield Case(f"{name}: {variant}", kind, setup, **of_case)


# --- Vanishing ----------------------------------------------------------------------

_RELU = {"activation": "relu", "initializer": "he_normal"}
_HE = {"initializer": "he_normal"}

_VANISHING = (
    *_family(
        "deep sigmoid",
        VANISHING,
        {
            "rings, sgd": {"units": (10,) * 8},
            "the lecture's": {
                "task": "xor", "units": (5,) * 10, "initializer": "uniform:1",
                "batch_size": 4, "epochs": 10,
                "remedy": {"activation": "tanh", "initializer": "glorot_uniform"},
            },
            "blobs, momentum": {
                "task": "blobs", "units": (24,) * 8, "optimizer": "momentum",
                "rate": 0.02,
            },
            "friedman shifted, adam": {
                "task": "friedman", "units": (16,) * 10, "optimizer": "adam",
                "rate": 0.003, "target_shift": 3.0,
            },
            "glyphs, adagrad": {
                "task": "glyphs", "units": (32,) * 9, "optimizer": "adagrad",
                "rate": 0.02,
            },
            "low rank, nesterov": {
                "task": "low_rank", "units": (32, 16, 8, 4, 8, 16, 32),
                "optimizer": "nesterov", "rate": 0.05, "epochs": 30,
                "remedy": {"activation": "elu", "initializer": "he_normal"},
            },
            "bars, convolutions": {
                "task": "bars", "network": "pooled_cnn", "units": (8,) * 7,
                "rate": 0.05, "epochs": 12, "remedy": {**_RELU, "rate": 0.1},
            },
            "spirals, hard sigmoid": {
                "task": "spirals", "units": (20,) * 7, "activation": "hard_sigmoid",
            },
            "moons, rmsprop": {
                "task": "moons", "units": (12,) * 12, "optimizer": "rmsprop",
                "rate": 0.001,
            },
            "plane, layers apart, huber": {
                "task": "plane", "loss": "huber", "units": (20,) * 9,
                "separate": True, "optimizer": "momentum", "rate": 0.02,
            },
        },
        activation="sigmoid",
        epochs=20,
        remedy=_RELU,
    ),
    *_family(
        "tiny weights",
        VANISHING,
        {
            "rings, relu": {
                "units": (16,) * 5, "initializer": "normal:0.01",
                "last_initializer": "normal:0.01",
            },
            "blobs, tanh": {
                "task": "blobs", "activation": "tanh", "units": (32,) * 5,
                "initializer": "normal:0.01", "optimizer": "momentum", "rate": 0.02,
            },
            "sine, relu, shifted": {
                "task": "sine", "units": (24, 24, 24), "initializer": "normal:0.003",
                "last_initializer": "normal:0.003", "rate": 0.05, "target_shift": 2.0,
                "epochs": 40,
            },
            "glyphs, convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 12, 32),
                "initializer": "normal:0.001", "last_initializer": "normal:0.001",
                "rate": 0.05, "epochs": 15,
            },
            "friedman, gelu, mae": {
                "task": "friedman", "loss": "mae", "activation": "gelu",
                "units": (16,) * 6, "initializer": "uniform:0.02",
                "optimizer": "momentum", "rate": 0.02,
            },
            "plane, elu, layers apart": {
                "task": "plane", "activation": "elu", "separate": True,
                "units": (20,) * 6, "initializer": "normal:0.02", "rate": 0.05,
            },
            "tokens, silu": {
                "task": "tokens", "network": "bag", "units": (16, 32, 32, 32),
                "activation": "silu", "initializer": "normal:0.001",
                "last_initializer": "normal:0.001", "optimizer": "momentum",
                "rate": 0.05, "epochs": 20,
            },
            "spirals, leaky relu": {
                "task": "spirals", "activation": "leaky_relu", "separate": True,
                "units": (24,) * 6, "initializer": "uniform:0.03",
                "optimizer": "momentum", "rate": 0.01, "epochs": 25,
            },
        },
        remedy=_HE | {"last_initializer": "glorot_uniform"},
    ),
    # With biases, the gradient of the latest time steps hides what earlier ones lose.
    *_family(
        "recurrent, forgets",
        VANISHING,
        {
            "tanh, 40 steps, no bias": {
                "task": "recall_40", "units": (16,), "use_bias": False, "rate": 0.002,
                "optimizer": "adam", "recurrent_initializer": "orthogonal:0.4",
            },
            "tiny weights, 10 steps, no bias": {
                "task": "recall_10", "units": (16,), "use_bias": False, "rate": 0.05,
                "recurrent_initializer": "normal:0.01",
            },
            "sigmoid, 10 steps": {
                "task": "recall_10", "units": (12,), "activation": "sigmoid",
                "remedy": {"recurrent_initializer": "identity", "activation": "tanh"},
            },
            "two layers, adam": {
                "task": "recall_40", "units": (12, 12), "optimizer": "adam",
                "rate": 0.001, "recurrent_initializer": "normal:0.05",
            },
        },
        network="rnn",
        activation="tanh",
        rate=0.1,
        epochs=15,
        remedy={"recurrent_initializer": "identity", "activation": "relu"},
    ),
    *_family(
        "lost on the way",
        VANISHING,
        {
            "tanh, small weights, ten layers": {
                "task": "moons", "activation": "tanh", "units": (16,) * 10,
                "initializer": "normal:0.08", "rate": 0.1,
                "remedy": {"initializer": "glorot_uniform"},
            },
            "sigmoid branches": {
                "task": "checker", "network": "two_branches", "units": (10,) * 7,
                "activation": "sigmoid",
                "remedy": {**_RELU, "task": "rings"},
            },
            "sigmoid encoder within a model": {
                "task": "moons", "network": "nested", "units": (12,) * 9,
                "activation": "sigmoid", "optimizer": "adamw", "rate": 0.0005,
                "remedy": {**_RELU, "rate": 0.005},
            },
            "sigmoid and dropout": {
                "task": "bars", "units": (32,) * 7, "activation": "sigmoid",
                "dropout": 0.1, "rate": 0.1,
            },
            "elu, small weights, 14 layers": {
                "task": "friedman", "activation": "elu", "units": (16,) * 14,
                "initializer": "normal:0.1", "rate": 0.02,
                "remedy": {"initializer": "glorot_uniform"},
            },
            "sigmoid, narrow": {
                "task": "blobs", "units": (32, 16, 8, 4, 4, 8, 16),
                "activation": "sigmoid", "optimizer": "adam", "rate": 0.001,
                "remedy": {**_RELU, "activation": "elu", "rate": 0.003},
            },
        },
        remedy=_RELU,
    ),
)  # fmt: skip

# --- Exploding ----------------------------------------------------------------------
# In each family two that end in NaN, two that stay finite, and so on: so that each part
# has both.

_EXPLODING = (
    *_family(
        "too large a rate",
        EXPLODING,
        {
            "plane, linear": {
                "task": "plane", "network": "linear", "rate": 3.0,
                "remedy": {"rate": 0.03},
            },
            "friedman, leaky relu": {
                "task": "friedman", "activation": "leaky_relu", "rate": 3.0,
                "remedy": {"rate": 0.03},
            },
            "plane, linear, a few steps": {
                "task": "plane", "network": "linear", "rate": 2.9, "batch_size": 64,
                "epochs": 4, "remedy": {"rate": 0.1},
            },
            "plane, linear, mae": {
                "task": "plane", "network": "linear", "loss": "mae", "rate": 100.0,
                "remedy": {"rate": 0.1},
            },
            "sine, elu, momentum": {
                "task": "sine", "activation": "elu", "optimizer": "momentum",
                "rate": 2.0, "remedy": {"rate": 0.02},
            },
            "low rank, selu, nesterov": {
                "task": "low_rank", "activation": "selu", "units": (24, 4, 24),
                "initializer": "lecun_normal", "optimizer": "nesterov", "rate": 3.0,
                "remedy": {"rate": 0.03},
            },
            "plane, gelu, adam": {
                "task": "plane", "activation": "gelu", "units": (32, 32, 32),
                "optimizer": "adam", "rate": 3.0, "remedy": {"rate": 0.003},
            },
            "sine, prelu, rmsprop": {
                "task": "sine", "activation": "prelu", "units": (32, 32, 32),
                "optimizer": "rmsprop", "rate": 3.0, "remedy": {"rate": 0.003},
            },
            "late, when it had learned": {
                "task": "friedman", "activation": "elu", "units": (24, 24),
                "rates": ((0, 0.05), (200, 10.0)), "remedy": {"rate": 0.05},
            },
            "means, recurrent": {
                "task": "means_20", "network": "rnn", "units": (16,),
                "activation": "linear", "rate": 0.3, "epochs": 12,
                "remedy": {"rate": 0.003},
            },
            "moons, linear": {
                "task": "moons", "network": "linear", "rate": 1000.0,
                "optimizer": "momentum", "remedy": {"rate": 1.0},
            },
            "friedman, elu, adamw": {
                "task": "friedman", "activation": "elu", "units": (24, 24, 24),
                "optimizer": "adamw", "rate": 3.0, "remedy": {"rate": 0.01},
            },
            "spirals, leaky relu, adam": {
                "task": "spirals", "activation": "leaky_relu", "units": (24, 24, 24),
                "optimizer": "adam", "rate": 3.0, "remedy": {"rate": 0.01},
            },
            "friedman, linear, huber": {
                "task": "friedman", "loss": "huber", "network": "linear",
                "rate": 300.0, "remedy": {"rate": 0.1},
            },
        },
    ),
    *_family(
        "too large weights",
        EXPLODING,
        {
            "friedman, relu": {
                "task": "friedman", "units": (32,) * 5, "initializer": "normal:1",
                "rate": 0.01,
            },
            "blobs, selu, momentum": {
                "task": "blobs", "activation": "selu", "units": (48,) * 8,
                "initializer": "uniform:3", "optimizer": "momentum", "rate": 0.01,
                "remedy": {"initializer": "lecun_normal"},
            },
            "plane, clipped": {
                "task": "plane", "units": (64,) * 6, "initializer": "normal:1",
                "activation": "leaky_relu", "rate": 0.1, "clipnorm": 1.0,
                "patience": 5,
            },
            "sine, elu, adam": {
                "task": "sine", "activation": "elu", "units": (48,) * 6,
                "initializer": "normal:2", "optimizer": "adam", "rate": 0.01,
                "patience": 5,
            },
            "residual, deep": {
                "task": "friedman", "network": "residual", "units": (32,) * 20,
                "initializer": "he_normal", "rate": 0.01, "epochs": 12,
                "remedy": {"initializer": "normal:0.01"},
            },
            "glyphs, convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 16, 32),
                "initializer": "normal:3", "rate": 0.05, "epochs": 10,
            },
        },
        remedy=_HE,
    ),
    *_family(
        "recurrent, explodes",
        EXPLODING,
        {
            "linear, 20 steps": {
                "task": "means_20", "units": (16,), "activation": "linear",
                "recurrent_initializer": "orthogonal:1.5", "rate": 0.01,
                "remedy": {"recurrent_initializer": "orthogonal:0.8"},
            },
            "leaky relu, two layers": {
                "task": "means_20", "units": (16, 16), "activation": "leaky_relu",
                "recurrent_initializer": "normal:1", "rate": 0.01,
            },
            "relu, 24 steps, adam": {
                "task": "waves_24", "units": (24,), "activation": "relu",
                "recurrent_initializer": "orthogonal:3", "optimizer": "adam",
                "rate": 0.003, "patience": 5,
            },
            "linear, 50 steps, adam": {
                "task": "means_50", "units": (16,), "activation": "linear",
                "recurrent_initializer": "orthogonal:1.2", "optimizer": "adam",
                "rate": 0.003, "patience": 5,
            },
            "lstm, too large a rate": {
                "task": "means_20", "network": "lstm", "units": (12,), "rate": 100.0,
                "recurrent_initializer": "orthogonal", "remedy": {"rate": 0.5},
            },
            "linear, 20 steps, clipped": {
                "task": "means_20", "units": (16,), "activation": "linear",
                "recurrent_initializer": "orthogonal:3", "clipnorm": 1.0,
                "rate": 0.03, "patience": 5,
            },
        },
        network="rnn",
        epochs=12,
        remedy={"recurrent_initializer": "orthogonal:0.9"},
    ),
    *_family(
        "scale too large",
        EXPLODING,
        {
            "targets in thousands": {
                "task": "friedman", "activation": "elu", "target_scale": 1000.0,
                "rate": 0.1, "remedy": {"target_scale": 1.0},
            },
            "inputs up to 255, leaky relu": {
                "task": "friedman", "activation": "leaky_relu", "input_scale": 100.0,
                "rate": 0.03, "remedy": {"input_scale": 1.0},
            },
            "inputs up to 255, linear": {
                "task": "plane", "network": "linear", "input_scale": 80.0,
                "rate": 0.001, "batch_size": 128, "epochs": 6,
                "remedy": {"input_scale": 1.0, "rate": 0.2},
            },
            "loss times a million": {
                "task": "rings", "activation": "leaky_relu", "loss_scale": 1e6,
                "rate": 0.1, "remedy": {"loss_scale": 1.0},
            },
        },
    ),
)  # fmt: skip

# --- Dead ---------------------------------------------------------------------------

_LEAKY = {"activation": "leaky_relu"}

_DEAD = (
    *_family(
        "dead from the start",
        DEAD,
        {
            "rings, bias": {"units": (16, 16), "bias": -10.0},
            "blobs, adam, layers apart": {
                "task": "blobs", "units": (24, 24, 24), "bias": -30.0,
                "separate": True, "optimizer": "adam", "rate": 0.01,
            },
            "glyphs, convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 12, 32),
                "bias": -20.0, "optimizer": "adam", "rate": 0.003, "epochs": 12,
            },
            "friedman shifted, second layer": {
                "task": "friedman", "units": (24, 24, 24), "bias": -40.0, "only": 1,
                "target_shift": 5.0, "rate": 0.03,
            },
            "sine, first layer": {
                "task": "sine", "units": (24, 24), "bias": -10.0, "only": 0,
                "rate": 0.03,
            },
            "moons, last hidden layer": {
                "task": "moons", "units": (16, 16, 16), "bias": -50.0, "only": 2,
                "optimizer": "momentum", "rate": 0.02,
            },
            "tokens": {
                "task": "tokens", "network": "bag", "units": (16, 32), "bias": -5.0,
                "optimizer": "adam", "rate": 0.01, "epochs": 10,
            },
            "waves, recurrent relu": {
                "task": "waves_24", "network": "rnn", "units": (16,), "bias": -10.0,
                "recurrent_initializer": "orthogonal:0.9", "optimizer": "adam",
                "rate": 0.005, "epochs": 15,
            },
            "bars, relu6": {
                "task": "bars", "units": (32, 32), "activation": "relu6",
                "bias": -20.0, "optimizer": "rmsprop", "rate": 0.003,
            },
            "plane, gelu": {
                "task": "plane", "units": (32, 32), "activation": "gelu",
                "bias": -20.0, "rate": 0.05, "target_shift": 1.0,
            },
            "waves, 1-d convolutions": {
                "task": "waves_24", "network": "conv1d", "units": (12, 12),
                "bias": -20.0, "rate": 0.1, "epochs": 12,
            },
            "encoder within a model": {
                "task": "spirals", "network": "nested", "units": (24, 24, 24),
                "bias": -20.0, "only": 1, "optimizer": "adam", "rate": 0.01,
            },
        },
        initializer="he_normal",
        remedy={"bias": 0.0},
    ),
    *_family(
        "narrow and deep",
        DEAD,
        {
            "width 3, moons": {"task": "moons", "units": (3,) * 14},
            "the lecture's, he": {"task": "xor", "units": (5,) * 10, "batch_size": 4,
                                  "epochs": 8, "seed": 3},
            "width 3, layers apart": {"units": (3,) * 12, "separate": True, "seed": 2},
            "width 4, sine": {"task": "sine", "units": (4,) * 14, "target_shift": 1.0,
                              "rate": 0.005, "seed": 0},
            "width 4, friedman": {"task": "friedman", "units": (4,) * 16,
                                  "separate": True, "seed": 1},
            "width 3, moons, again": {"task": "moons", "units": (3,) * 14, "seed": 1},
        },
        initializer="he_normal",
        optimizer="adam",
        rate=0.01,
        remedy=_LEAKY,
    ),
    *_family(
        "killed by the first steps",
        DEAD,
        {
            "glyphs": {"task": "glyphs", "units": (24,) * 4,
                       "rates": ((0, 0.3), (8, 0.005)), "seed": 0},
            "glyphs, inputs up to 255": {
                "task": "glyphs", "units": (16, 16, 16), "input_scale": 60.0,
                "input_shift": 128.0, "rate": 0.03, "seed": 0},
            "spirals, layers apart": {
                "task": "spirals", "units": (16,) * 4, "separate": True, "epochs": 25,
                "rates": ((0, 0.3), (10, 0.01)), "seed": 0},
            "blobs": {"task": "blobs", "units": (12,) * 4,
                      "rates": ((0, 0.5), (6, 0.01)), "seed": 0},
            "friedman shifted": {
                "task": "friedman", "units": (12,) * 4, "target_shift": -5.0,
                "epochs": 25, "rates": ((0, 0.3), (8, 0.01)), "seed": 0},
            "glyphs, convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 12, 32),
                "epochs": 12, "rates": ((0, 0.3), (3, 0.003)), "seed": 0},
        },
        initializer="he_normal",
        optimizer="adam",
        remedy=_LEAKY,
    ),
    *_family(
        "dead inputs or outputs",
        DEAD,
        {
            "inputs far below zero": {
                "task": "rings", "input_shift": -100.0, "initializer": "positive:0.3",
                "remedy": {"input_shift": 0.0},
            },
            "pictures below zero": {
                "task": "bars", "network": "cnn", "units": (8, 8, 16),
                "input_scale": 30.0, "input_shift": -255.0,
                "initializer": "positive:0.1", "epochs": 10, "optimizer": "adam",
                "rate": 0.003, "remedy": {"input_shift": 0.0, "input_scale": 1.0},
            },
            "sequences below zero": {
                "task": "waves_24", "network": "conv1d", "units": (12, 12),
                "input_shift": -30.0, "initializer": "positive:0.3", "epochs": 10,
                "optimizer": "adam", "rate": 0.01, "remedy": {"input_shift": 0.0},
            },
            "inputs up to 255": {
                "task": "bars", "initializer": "he_normal", "input_scale": 60.0,
                "input_shift": 128.0, "optimizer": "adam", "rate": 0.05,
                "remedy": {"input_scale": 1.0, "input_shift": 0.0},
            },
            "output relu": {
                "task": "friedman", "output": "relu", "target_shift": 3.0,
                "last_bias": -20.0, "activation": "tanh", "rate": 0.03,
                "remedy": {"last_bias": 3.0},
            },
            "output relu, negative targets": {
                "task": "friedman", "output": "relu", "target_shift": -3.0,
                "rate": 0.05, "activation": "elu", "remedy": {"output": ""},
            },
        },
    ),
)  # fmt: skip

# --- Saturated ----------------------------------------------------------------------

_GLOROT = {"initializer": "glorot_uniform"}

_SATURATED = (
    *_family(
        "too large weights for",
        SATURATED,
        {
            "rings, tanh": {"units": (12,) * 4},
            "bars, tanh, layers apart": {
                "task": "bars", "separate": True, "units": (8, 8, 8),
                "optimizer": "momentum", "rate": 0.02,
            },
            "friedman, tanh": {"task": "friedman", "units": (4,) * 4, "rate": 0.05,
                               "seed": 0},
            "tokens, tanh": {
                "task": "tokens", "network": "bag", "units": (16, 8, 8),
                "initializer": "normal:3000", "optimizer": "adam", "rate": 0.01,
            },
            "waves, recurrent tanh": {
                "task": "waves_24", "network": "rnn", "units": (8,),
                "initializer": "normal:10", "recurrent_initializer": "normal:10",
                "epochs": 15, "optimizer": "adam", "rate": 0.01,
                "remedy": {**_GLOROT, "recurrent_initializer": "orthogonal"},
            },
            "moons, tanh, twelve layers": {
                "task": "moons", "units": (5,) * 12, "initializer": "normal:50",
                "seed": 0,
            },
            "glyphs, tanh convolutions": {
                "task": "glyphs", "network": "pooled_cnn", "units": (4, 4, 4),
                "initializer": "normal:30", "epochs": 12, "optimizer": "adam",
                "rate": 0.02,
            },
            "moons, sigmoid": {
                "task": "moons", "activation": "sigmoid", "units": (16, 16),
                "initializer": "positive:60", "input_shift": 2.0,
                "optimizer": "adam", "rate": 0.02,
                "remedy": {"initializer": "normal:2"},
            },
        },
        activation="tanh",
        initializer="normal:20",
        remedy=_GLOROT,
    ),
    *_family(
        "inputs up to 255 for",
        SATURATED,
        {
            "glyphs, tanh": {"task": "glyphs", "units": (32, 32)},
            "bars, sigmoid": {
                "task": "bars", "activation": "sigmoid", "units": (16, 16),
                "input_scale": 100.0, "input_shift": 100.0, "optimizer": "adam",
                "rate": 0.01,
            },
            "bars, tanh convolutions": {
                "task": "bars", "network": "cnn", "units": (8, 8, 16),
                "input_scale": 80.0, "epochs": 10,
            },
            "friedman, tanh": {"task": "friedman", "units": (12, 12), "rate": 0.05},
            "waves, recurrent tanh": {
                "task": "waves_24", "network": "rnn", "units": (12,),
                "input_scale": 120.0, "epochs": 15, "optimizer": "adam",
                "rate": 0.005,
            },
            "spirals, hard tanh": {
                "task": "spirals", "activation": "hard_tanh", "units": (12, 12),
            },
            "plane, tanh, layers apart": {
                "task": "plane", "separate": True, "units": (4, 4), "rate": 0.05,
            },
            "waves, gru": {
                "task": "waves_24", "network": "gru", "units": (12,),
                "input_scale": 1000.0, "input_shift": 1000.0, "epochs": 12,
                "optimizer": "adam", "rate": 0.01,
            },
            "bars, tanh, momentum": {
                "task": "bars", "units": (12, 12), "optimizer": "momentum",
                "rate": 0.05,
            },
        },
        activation="tanh",
        input_scale=60.0,
        input_shift=128.0,
        remedy={"input_scale": 1.0, "input_shift": 0.0},
    ),
    *_family(
        "saturated by a large rate",
        SATURATED,
        {
            "spirals, tanh, at first": {
                "task": "spirals", "units": (16, 16, 16),
                "rates": ((0, 10.0), (5, 0.1)), "remedy": {"rate": 0.3},
            },
            "checker, tanh, momentum": {
                "task": "checker", "units": (16, 16, 16), "optimizer": "momentum",
                "rate": 1.0, "remedy": {"rate": 0.1},
            },
            "blobs, sigmoid, adam, at first": {
                "task": "blobs", "activation": "sigmoid", "units": (16, 16, 16),
                "optimizer": "adam", "rates": ((0, 1.0), (10, 0.01)),
                "remedy": {"rate": 0.01},
            },
            "friedman shifted, tanh": {
                "task": "friedman", "target_shift": 300.0, "rate": 0.05,
                "remedy": {"target_shift": 0.0},
            },
            "sine, tanh, a spike": {
                "task": "sine", "rates": ((0, 0.05), (120, 3.0), (123, 0.05)),
                "remedy": {"rate": 0.05},
            },
            "spirals, sigmoid, adam": {
                "task": "spirals", "activation": "sigmoid", "units": (16, 16, 16),
                "optimizer": "adam", "rate": 1.0, "remedy": {"rate": 0.02},
            },
        },
        activation="tanh",
    ),
    *_family(
        "saturated where it starts",
        SATURATED,
        {
            "bars, output sigmoid": {
                "task": "bars", "loss": "mse", "output": "sigmoid",
                "last_bias": 20.0, "units": (32, 32), "remedy": {"last_bias": 0.0},
            },
            "friedman, tanh, bias": {
                "task": "friedman", "activation": "tanh", "units": (16, 16, 16),
                "bias": 15.0, "rate": 0.05,
            },
            "rings, output sigmoid, adam": {
                "loss": "mae", "output": "sigmoid", "last_bias": -25.0,
                "optimizer": "adam", "rate": 0.01, "remedy": {"last_bias": 0.0},
            },
            "spirals, sigmoid, bias": {
                "task": "spirals", "activation": "sigmoid", "units": (16, 16),
                "bias": -20.0, "optimizer": "adam", "rate": 0.02, "epochs": 25,
            },
            "blobs, tanh, one layer": {
                "task": "blobs", "activation": "tanh", "units": (24, 8, 24),
                "bias": 20.0, "only": 1, "optimizer": "momentum", "rate": 0.05,
            },
        },
        remedy={"bias": 0.0},
    ),
)  # fmt: skip

# --- Healthy ------------------------------------------------------------------------

_ADAM = {"optimizer": "adam", "rate": 0.01}
_BEFORE = {"optimizer": "adam", "rate": 0.01, "epochs": 30}

_HEALTHY = (
    *_family(
        "points",
        HEALTHY,
        {
            "rings, relu": {"initializer": "he_normal", "rate": 0.2},
            "xor, tanh": {"task": "xor", "activation": "tanh", "units": (5, 5),
                          "rate": 0.5, "epochs": 40},
            "moons, elu, momentum": {"task": "moons", "activation": "elu",
                                     "optimizer": "momentum", "rate": 0.1},
            "spirals, gelu": {"task": "spirals", "activation": "gelu",
                              "units": (32, 32, 32), **_ADAM},
            "checker, silu, rmsprop": {"task": "checker", "activation": "silu",
                                       "optimizer": "rmsprop", "rate": 0.01},
            "blobs, selu": {"task": "blobs", "activation": "selu",
                            "initializer": "lecun_normal", "rate": 0.05},
            "rare, leaky relu, layers apart": {
                "task": "rare", "activation": "leaky_relu", "separate": True, **_ADAM},
            "blobs, sigmoid": {"task": "blobs", "activation": "sigmoid",
                               "units": (32,), "rate": 1.0},
            "rings, softplus, nesterov": {"activation": "softplus",
                                          "optimizer": "nesterov", "rate": 0.05},
            "blobs, linear": {"task": "blobs", "network": "linear", "rate": 0.3},
            "spirals, prelu": {"task": "spirals", "activation": "prelu",
                               "units": (24, 24), **_ADAM},
            "moons, two branches": {"task": "moons", "network": "two_branches",
                                    "activation": "tanh", **_ADAM},
            "blobs, mixed sizes, softmax": {
                "task": "blobs", "units": (128, 4, 64, 16), "output": "softmax",
                **_ADAM},
            "rings, encoder within a model, adamw": {
                "network": "nested", "optimizer": "adamw", "rate": 0.01},
        },
    ),
    *_family(
        "numbers",
        HEALTHY,
        {
            "sine, tanh": {"task": "sine", "activation": "tanh",
                           "optimizer": "momentum", "rate": 0.05},
            "friedman, relu, huber": {"task": "friedman", "loss": "huber", "rate": 0.1},
            "friedman, elu, mae": {"task": "friedman", "loss": "mae",
                                   "activation": "elu", **_ADAM},
            "plane, linear": {"task": "plane", "network": "linear", "rate": 0.05},
            "counts, silu": {"task": "counts", "output": "exponential",
                             "activation": "silu", "optimizer": "adam", "rate": 0.01},
            "directions, gelu": {"task": "directions", "activation": "gelu", **_ADAM},
            "low rank, tanh": {"task": "low_rank", "activation": "tanh",
                               "units": (16, 3, 16), **_ADAM},
            "low rank, relu, layers apart": {
                "task": "low_rank", "units": (32, 6, 32), "separate": True, **_ADAM},
            "plane, wide and deep": {"task": "plane", "network": "wide_and_deep",
                                     "activation": "relu", "rate": 0.05},
            "friedman shifted, selu": {
                "task": "friedman", "activation": "selu", "target_shift": 10.0,
                "initializer": "lecun_normal", "rate": 0.01, "epochs": 30},
        },
    ),
    *_family(
        "deep",
        HEALTHY,
        {
            "relu, he": {"task": "moons", "units": (32,) * 12,
                         "initializer": "he_normal", "rate": 0.05},
            "sigmoid, batch normalization": {
                "task": "blobs", "activation": "sigmoid", "units": (24,) * 6,
                "norm": "batch", "optimizer": "adam", "rate": 0.01},
            "tanh, layer normalization": {
                "task": "spirals", "activation": "tanh", "units": (24,) * 8,
                "norm": "layer", **_ADAM},
            "sigmoid, residual": {
                "task": "rings", "network": "residual", "activation": "sigmoid",
                "units": (16,) * 8, **_ADAM},
            "relu, residual, adam": {
                "task": "friedman", "network": "residual", "units": (24,) * 12,
                "initializer": "normal:0.05", "optimizer": "adam", "rate": 0.002},
            "selu, 15 layers": {
                "task": "moons", "activation": "selu", "units": (20,) * 15,
                "initializer": "lecun_normal", "rate": 0.01},
            "sigmoid, four layers, adam": {
                "task": "blobs", "activation": "sigmoid", "units": (32,) * 4, **_ADAM},
            "tanh, orthogonal, 20 layers": {
                "task": "checker", "activation": "tanh", "units": (16,) * 20,
                "initializer": "orthogonal", "optimizer": "adam", "rate": 0.003},
        },
    ),
    *_family(
        "pictures",
        HEALTHY,
        {
            "bars, convolutions": {"task": "bars", "network": "cnn",
                                   "units": (8, 8, 16), "rate": 0.1},
            "glyphs, relu": {"task": "glyphs", "units": (64,), "rate": 0.1},
            "glyphs, batch normalization": {
                "task": "glyphs", "network": "cnn", "units": (8, 8, 32),
                "norm": "batch", "optimizer": "momentum", "rate": 0.02},
            "bars, residual": {"task": "bars", "network": "residual_cnn",
                               "units": (8, 8, 8), "optimizer": "adam", "rate": 0.01},
            "glyphs, elu, dropout": {
                "task": "glyphs", "network": "cnn", "units": (8, 16, 32),
                "activation": "elu", "dropout": 0.3, **_ADAM},
            "bars, pooled, layers apart": {
                "task": "bars", "network": "pooled_cnn", "units": (8, 16),
                "separate": True, "optimizer": "adam", "rate": 0.02},
        },
        epochs=12,
    ),
    *_family(
        "sequences",
        HEALTHY,
        {
            "means, lstm": {"task": "means_20", "network": "lstm", "units": (12,),
                            **_ADAM},
            "waves, gru": {"task": "waves_24", "network": "gru", "units": (16,),
                           "optimizer": "adam", "rate": 0.02},
            "means, tanh, clipped": {
                "task": "means_50", "network": "rnn", "units": (12,),
                "activation": "tanh", "rate": 0.05, "clipnorm": 1.0},
            "tokens, embedding": {"task": "tokens", "network": "bag",
                                  "units": (16, 16), **_ADAM},
            "tokens, transformer": {"task": "tokens", "network": "transformer",
                                    "units": (16, 32), "optimizer": "adam",
                                    "rate": 0.003},
            "waves, 1-d convolutions": {"task": "waves_60", "network": "conv1d",
                                        "units": (12, 12), **_ADAM},
            "recall, identity": {
                "task": "recall_10", "network": "rnn", "units": (16,),
                "activation": "relu", "recurrent_initializer": "identity",
                "rate": 0.1},
            "tokens, embedding, sgd": {"task": "tokens", "network": "bag",
                                       "units": (8, 16), "activation": "tanh",
                                       "optimizer": "momentum", "rate": 0.5,
                                       "epochs": 25},
            "means, two layers of gru": {
                "task": "means_20", "network": "gru", "units": (8, 8),
                "optimizer": "rmsprop", "rate": 0.005},
            "waves, lstm, adamw": {"task": "waves_24", "network": "lstm",
                                   "units": (16,), "optimizer": "adamw",
                                   "rate": 0.02},
        },
        epochs=15,
    ),
    *_family(
        "converged before",
        HEALTHY,
        {
            "rings, relu": {"before": _BEFORE, "rate": 0.01},
            "sine, tanh": {"task": "sine", "activation": "tanh", "before": _BEFORE,
                           "rate": 0.01},
            "blobs, adam": {"task": "blobs", "before": _BEFORE, "optimizer": "adam",
                            "rate": 0.0001},
            "plane, linear": {"task": "plane", "network": "linear",
                              "before": _BEFORE, "rate": 0.01},
            "moons, deep relu": {
                "task": "moons", "units": (16,) * 6, "initializer": "he_normal",
                "before": _BEFORE, "optimizer": "momentum", "rate": 0.001},
            "bars, convolutions, output sigmoid": {
                "task": "bars", "network": "cnn", "units": (8, 8, 16),
                "output": "sigmoid", "before": {**_BEFORE, "epochs": 15},
                "rate": 0.01, "epochs": 10},
            "xor, tanh, to the last bit": {
                "task": "xor", "activation": "tanh", "units": (8,), "loss": "mse",
                "before": {"optimizer": "adam", "rate": 0.02, "epochs": 60},
                "rate": 0.01},
            "friedman, elu": {"task": "friedman", "activation": "elu",
                              "before": {**_BEFORE, "epochs": 60},
                              "optimizer": "rmsprop", "rate": 0.0001},
            "tokens, embedding": {"task": "tokens", "network": "bag",
                                  "units": (16, 16), "before": _BEFORE,
                                  "rate": 0.01, "epochs": 10},
            "blobs, sigmoid, tiny rate": {
                "task": "blobs", "activation": "sigmoid", "units": (24, 24),
                "before": {**_BEFORE, "epochs": 60}, "rate": 0.0001},
        },
        epochs=15,
    ),
    *_family(
        "resumed",
        HEALTHY,
        {
            "spirals, frozen": {
                "task": "spirals", "units": (24, 24, 24), "before": _BEFORE,
                "frozen": 2, "optimizer": "adam", "rate": 0.001},
            "flipped rings": {"task": "flipped_rings", "before": _BEFORE,
                              "rate": 0.01},
            "noisy friedman": {
                "task": "noisy_friedman", "activation": "tanh", "before": _BEFORE,
                "optimizer": "adam", "rate": 0.0005},
            "glyphs, frozen convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 8, 32),
                "before": {**_BEFORE, "epochs": 10}, "frozen": 2, "rate": 0.01,
                "epochs": 10},
            "low rank, other optimizer": {
                "task": "low_rank", "activation": "tanh", "units": (16, 3, 16),
                "before": _BEFORE, "optimizer": "momentum", "rate": 0.01},
            "means, lstm": {
                "task": "means_20", "network": "lstm", "units": (12,),
                "before": {**_BEFORE, "epochs": 15}, "optimizer": "adam",
                "rate": 0.001, "epochs": 10},
            "counts": {"task": "counts", "output": "exponential",
                       "activation": "silu", "before": _BEFORE,
                       "optimizer": "adam", "rate": 0.0001},
            "checker, after dropout": {
                "task": "checker", "units": (32, 32), "dropout": 0.1,
                "before": {**_BEFORE, "dropout": 0.0}, "optimizer": "adam",
                "rate": 0.001},
        },
        epochs=15,
    ),
    *_family(
        "of another scale",
        HEALTHY,
        {
            "targets of 1e-4, momentum": {
                "task": "friedman", "target_scale": 1e-4, "activation": "tanh",
                "last_initializer": "normal:0.00001", "optimizer": "momentum",
                "rate": 0.1},
            "targets of 1e-4, sgd": {"task": "plane", "network": "linear",
                                     "target_scale": 1e-4, "rate": 0.05,
                                     "last_initializer": "zeros"},
            "targets of 1e4, adam": {"task": "friedman", "target_scale": 1e4,
                                     "optimizer": "adam", "rate": 1.0,
                                     "activation": "leaky_relu", "epochs": 40},
            "targets of 100, rmsprop": {"task": "plane", "target_scale": 100.0,
                                        "optimizer": "rmsprop", "rate": 0.3,
                                        "activation": "elu"},
            "loss times 1e-6, adam": {"task": "rings", "loss_scale": 1e-6, **_ADAM,
                                      "epochs": 30},
            "loss times 1e6, adam": {"task": "spirals", "loss_scale": 1e6, **_ADAM,
                                     "epochs": 30},
            "loss times 1e-4, large rate": {"task": "moons", "loss_scale": 1e-4,
                                            "rate": 1000.0},
            "loss times 1e5, clipped": {"task": "blobs", "loss_scale": 1e5,
                                        "clipnorm": 0.3, "rate": 0.3},
            "inputs of 50, relu": {"task": "blobs", "input_scale": 50.0,
                                   "optimizer": "adam", "rate": 0.001},
            "inputs of 0.01": {"task": "rings", "input_scale": 0.01, **_ADAM,
                               "epochs": 40},
        },
    ),
    *_family(
        "recovers",
        HEALTHY,
        {
            "warm-up": {"task": "blobs", "units": (32, 32),
                        "rates": ((0, 1e-4), (80, 1e-2), (160, 0.1)),
                        "epochs": 25},
            "a spike of the rate": {
                "task": "friedman", "activation": "leaky_relu", "units": (24, 24),
                "rates": ((0, 0.05), (100, 0.4), (106, 0.03)), "epochs": 40},
            "huge first gradients": {
                "task": "plane", "activation": "leaky_relu", "units": (32,) * 4,
                "initializer": "normal:0.7", "optimizer": "adam", "rate": 0.02,
                "epochs": 60},
            "plateau, tiny weights, adam": {
                "task": "rings", "units": (16, 16, 16), "initializer": "normal:0.01",
                "last_initializer": "normal:0.01", "optimizer": "adam",
                "rate": 0.01, "epochs": 30},
            "plateau, sigmoid, adam": {
                "task": "moons", "activation": "sigmoid", "units": (16,) * 4,
                "optimizer": "adam", "rate": 0.02, "epochs": 30},
            "too large a rate at first": {
                "task": "plane", "network": "linear",
                "rates": ((0, 1.0), (15, 0.05)), "epochs": 30},
            "weights too large, momentum": {
                "task": "friedman", "activation": "elu", "units": (16, 16, 16),
                "initializer": "normal:1", "clipnorm": 1.0, "optimizer": "momentum",
                "rate": 0.03, "epochs": 50},
            "far from the targets": {
                "task": "friedman", "target_shift": 100.0, "optimizer": "adam",
                "rate": 0.1, "activation": "elu", "epochs": 60},
        },
    ),
    *_family(
        "noisy",
        HEALTHY,
        {
            "flipped labels": {"task": "flipped_rings", **_ADAM},
            "noisy targets": {"task": "noisy_friedman", "rate": 0.05},
            "four samples a batch": {"task": "moons", "batch_size": 4, "rate": 0.05,
                                     "epochs": 4},
            "one sample a batch": {"task": "friedman", "batch_size": 1,
                                   "rate": 0.01, "epochs": 2, "activation": "tanh"},
            "flipped labels, dropout": {
                "task": "flipped_rings", "units": (64, 64), "dropout": 0.3,
                "optimizer": "momentum", "rate": 0.05, "epochs": 30},
            "large rate": {"task": "spirals", "units": (32, 32), "rate": 1.0,
                           "activation": "leaky_relu", "epochs": 40},
        },
    ),
    *_family(
        "slow",
        HEALTHY,
        {
            "rings, small rate": {"rate": 0.02, "epochs": 30, "patience": 15,
                                  "activation": "tanh"},
            "friedman, small rate": {"task": "friedman", "rate": 0.0005,
                                     "epochs": 30, "patience": 10},
            "blobs, adam, small rate": {"task": "blobs", "optimizer": "adam",
                                        "rate": 0.0002, "patience": 10},
            "glyphs, adagrad": {"task": "glyphs", "units": (32, 32),
                                "optimizer": "adagrad", "rate": 0.002,
                                "patience": 10},
        },
    ),
    *_family(
        "short",
        HEALTHY,
        {
            "plane, 16 steps": {"task": "plane", "network": "linear", "rate": 0.3,
                                "epochs": 1},
            "blobs, 32 steps": {"task": "blobs", "units": (64,), "optimizer": "adam",
                                "rate": 0.02, "epochs": 2},
            "glyphs, 24 steps": {"task": "glyphs", "units": (64,), "batch_size": 64,
                                 "optimizer": "adam", "rate": 0.01, "epochs": 3},
            "rings, 40 steps": {"batch_size": 128, "optimizer": "adam",
                                "rate": 0.03, "epochs": 10},
        },
    ),
    *_family(
        "units lost, yet it learns",
        HEALTHY,
        {
            "rings, three quarters dead": {
                "units": (64, 64), "bias": -10.0, "bias_share": 0.75, **_ADAM},
            "blobs, most of a layer dead": {
                "task": "blobs", "units": (64, 64, 64), "bias": -30.0,
                "bias_share": 0.9, "only": 1, **_ADAM},
            "glyphs, half of the filters dead": {
                "task": "glyphs", "network": "cnn", "units": (16, 16, 32),
                "bias": -20.0, "bias_share": 0.5, "optimizer": "adam",
                "rate": 0.005, "epochs": 10},
            "blobs, tanh saturated": {
                "task": "blobs", "activation": "tanh", "units": (64,),
                "initializer": "normal:5", "rate": 0.1},
            "moons, sigmoid, half saturated": {
                "task": "moons", "activation": "sigmoid", "units": (32, 32),
                "bias": -15.0, "bias_share": 0.5, "optimizer": "adam",
                "rate": 0.02, "epochs": 30},
            "friedman, sparse relu": {
                "task": "friedman", "units": (128,), "bias": -1.0,
                "initializer": "he_normal", "rate": 0.02},
            "bars, tanh, bright inputs": {
                "task": "bars", "activation": "tanh", "units": (64,),
                "input_scale": 20.0, "rate": 0.02},
            "spirals, half saturated": {
                "task": "spirals", "activation": "tanh", "units": (32, 32),
                "bias": 10.0, "bias_share": 0.5, **_ADAM, "epochs": 30},
        },
    ),
)  # fmt: skip

# Neither healthy nor with a fault of a known kind: told apart by no outcome, and not
# scored.
AMBIGUOUS = (
    *_family(
        "nothing to learn",
        UNKNOWN,
        {
            "random labels, relu": {"task": "random_labels", "units": (8,)},
            "random labels, tanh, adam": {
                "task": "random_labels", "activation": "tanh", "units": (4,), **_ADAM},
        },
    ),
    *_family(
        "not in the gradients",
        UNKNOWN,
        {
            "recurrent, forgets amid noise": {
                "task": "noisy_recall_60", "network": "rnn", "units": (12,),
                "activation": "tanh", "epochs": 10},
            "a rate of 1e-7": {"task": "blobs", "rate": 1e-7},
        },
    ),
)  # fmt: skip

CASES = (*_HEALTHY, *_VANISHING, *_EXPLODING, *_DEAD, *_SATURATED)

_PART_OF = {case.name: "ambiguous" for case in AMBIGUOUS} | {
    case.name: PARTS[i % 2]
    for cases in (_HEALTHY, _VANISHING, _EXPLODING, _DEAD, _SATURATED)
    for i, case in enumerate(cases)
}


def part_of(case: Case) -> str:
    """Returns whether a case is for designing rules or for reporting on them.

    Args:
        case: One of `CASES` or of `AMBIGUOUS`.

    Returns:
        One of `PARTS`, or "ambiguous".
    """
    return _PART_OF[case.name]
