"""The models whose gradients vanish on their way to the first layers."""

from __future__ import annotations

from deepxor.verdicts import VANISHING
from scripts.benchmarks.diagnosis.cases.family import family

_RELU = {"activation": "relu", "initializer": "he_normal"}
_HE = {"initializer": "he_normal"}

VANISHING_CASES = (
    *family(
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
    *family(
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
    *family(
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
    *family(
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
