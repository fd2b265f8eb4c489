"""The models with units that are dead: they put out zero for every sample."""

from __future__ import annotations

from deepxor.verdicts import DEAD
from scripts.benchmarks.diagnosis.cases.family import family

_LEAKY = {"activation": "leaky_relu"}

DEAD_CASES = (
    *family(
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
    *family(
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
    *family(
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
    *family(
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
