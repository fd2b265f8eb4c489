"""The models whose gradients or weights explode.

In each family two models end in NaN, the next two stay finite, and so on. Every other
case belongs to one part of the benchmark, so that both parts have models of both sorts.
"""

from __future__ import annotations

from deepxor.verdicts import EXPLODING
from scripts.benchmarks.diagnosis.cases.family import family

_HE = {"initializer": "he_normal"}

EXPLODING_CASES = (
    *family(
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
    *family(
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
    *family(
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
    *family(
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
