"""The models with units that are saturated: their activations have no slope."""

from __future__ import annotations

from deepxor.verdicts import SATURATED
from scripts.benchmarks.diagnosis.cases.family import family

_GLOROT = {"initializer": "glorot_uniform"}

SATURATED_CASES = (
    *family(
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
    *family(
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
    *family(
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
    *family(
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
