"""The models that learn, some of them slowly or after a bad start."""

from __future__ import annotations

from deepxor.verdicts import HEALTHY
from scripts.benchmarks.diagnosis.cases.family import ADAM, family

_BEFORE = {"optimizer": "adam", "rate": 0.01, "epochs": 30}

HEALTHY_CASES = (
    *family(
        "points",
        HEALTHY,
        {
            "rings, relu": {"initializer": "he_normal", "rate": 0.2},
            "xor, tanh": {"task": "xor", "activation": "tanh", "units": (5, 5),
                          "rate": 0.5, "epochs": 40},
            "moons, elu, momentum": {"task": "moons", "activation": "elu",
                                     "optimizer": "momentum", "rate": 0.1},
            "spirals, gelu": {"task": "spirals", "activation": "gelu",
                              "units": (32, 32, 32), **ADAM},
            "checker, silu, rmsprop": {"task": "checker", "activation": "silu",
                                       "optimizer": "rmsprop", "rate": 0.01},
            "blobs, selu": {"task": "blobs", "activation": "selu",
                            "initializer": "lecun_normal", "rate": 0.05},
            "rare, leaky relu, layers apart": {
                "task": "rare", "activation": "leaky_relu", "separate": True, **ADAM},
            "blobs, sigmoid": {"task": "blobs", "activation": "sigmoid",
                               "units": (32,), "rate": 1.0},
            "rings, softplus, nesterov": {"activation": "softplus",
                                          "optimizer": "nesterov", "rate": 0.05},
            "blobs, linear": {"task": "blobs", "network": "linear", "rate": 0.3},
            "spirals, prelu": {"task": "spirals", "activation": "prelu",
                               "units": (24, 24), **ADAM},
            "moons, two branches": {"task": "moons", "network": "two_branches",
                                    "activation": "tanh", **ADAM},
            "blobs, mixed sizes, softmax": {
                "task": "blobs", "units": (128, 4, 64, 16), "output": "softmax",
                **ADAM},
            "rings, encoder within a model, adamw": {
                "network": "nested", "optimizer": "adamw", "rate": 0.01},
        },
    ),
    *family(
        "numbers",
        HEALTHY,
        {
            "sine, tanh": {"task": "sine", "activation": "tanh",
                           "optimizer": "momentum", "rate": 0.05},
            "friedman, relu, huber": {"task": "friedman", "loss": "huber", "rate": 0.1},
            "friedman, elu, mae": {"task": "friedman", "loss": "mae",
                                   "activation": "elu", **ADAM},
            "plane, linear": {"task": "plane", "network": "linear", "rate": 0.05},
            "counts, silu": {"task": "counts", "output": "exponential",
                             "activation": "silu", "optimizer": "adam", "rate": 0.01},
            "directions, gelu": {"task": "directions", "activation": "gelu", **ADAM},
            "low rank, tanh": {"task": "low_rank", "activation": "tanh",
                               "units": (16, 3, 16), **ADAM},
            "low rank, relu, layers apart": {
                "task": "low_rank", "units": (32, 6, 32), "separate": True, **ADAM},
            "plane, wide and deep": {"task": "plane", "network": "wide_and_deep",
                                     "activation": "relu", "rate": 0.05},
            "friedman shifted, selu": {
                "task": "friedman", "activation": "selu", "target_shift": 10.0,
                "initializer": "lecun_normal", "rate": 0.01, "epochs": 30},
        },
    ),
    *family(
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
                "norm": "layer", **ADAM},
            "sigmoid, residual": {
                "task": "rings", "network": "residual", "activation": "sigmoid",
                "units": (16,) * 8, **ADAM},
            "relu, residual, adam": {
                "task": "friedman", "network": "residual", "units": (24,) * 12,
                "initializer": "normal:0.05", "optimizer": "adam", "rate": 0.002},
            "selu, 15 layers": {
                "task": "moons", "activation": "selu", "units": (20,) * 15,
                "initializer": "lecun_normal", "rate": 0.01},
            "sigmoid, four layers, adam": {
                "task": "blobs", "activation": "sigmoid", "units": (32,) * 4, **ADAM},
            "tanh, orthogonal, 20 layers": {
                "task": "checker", "activation": "tanh", "units": (16,) * 20,
                "initializer": "orthogonal", "optimizer": "adam", "rate": 0.003},
        },
    ),
    *family(
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
                "activation": "elu", "dropout": 0.3, **ADAM},
            "bars, pooled, layers apart": {
                "task": "bars", "network": "pooled_cnn", "units": (8, 16),
                "separate": True, "optimizer": "adam", "rate": 0.02},
        },
        epochs=12,
    ),
    *family(
        "sequences",
        HEALTHY,
        {
            "means, lstm": {"task": "means_20", "network": "lstm", "units": (12,),
                            **ADAM},
            "waves, gru": {"task": "waves_24", "network": "gru", "units": (16,),
                           "optimizer": "adam", "rate": 0.02},
            "means, tanh, clipped": {
                "task": "means_50", "network": "rnn", "units": (12,),
                "activation": "tanh", "rate": 0.05, "clipnorm": 1.0},
            "tokens, embedding": {"task": "tokens", "network": "bag",
                                  "units": (16, 16), **ADAM},
            "tokens, transformer": {"task": "tokens", "network": "transformer",
                                    "units": (16, 32), "optimizer": "adam",
                                    "rate": 0.003},
            "waves, 1-d convolutions": {"task": "waves_60", "network": "conv1d",
                                        "units": (12, 12), **ADAM},
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
    *family(
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
    *family(
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
    *family(
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
            "loss times 1e-6, adam": {"task": "rings", "loss_scale": 1e-6, **ADAM,
                                      "epochs": 30},
            "loss times 1e6, adam": {"task": "spirals", "loss_scale": 1e6, **ADAM,
                                     "epochs": 30},
            "loss times 1e-4, large rate": {"task": "moons", "loss_scale": 1e-4,
                                            "rate": 1000.0},
            "loss times 1e5, clipped": {"task": "blobs", "loss_scale": 1e5,
                                        "clipnorm": 0.3, "rate": 0.3},
            "inputs of 50, relu": {"task": "blobs", "input_scale": 50.0,
                                   "optimizer": "adam", "rate": 0.001},
            "inputs of 0.01": {"task": "rings", "input_scale": 0.01, **ADAM,
                               "epochs": 40},
        },
    ),
    *family(
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
    *family(
        "noisy",
        HEALTHY,
        {
            "flipped labels": {"task": "flipped_rings", **ADAM},
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
    *family(
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
    *family(
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
    *family(
        "units lost, yet it learns",
        HEALTHY,
        {
            "rings, three quarters dead": {
                "units": (64, 64), "bias": -10.0, "bias_share": 0.75, **ADAM},
            "blobs, most of a layer dead": {
                "task": "blobs", "units": (64, 64, 64), "bias": -30.0,
                "bias_share": 0.9, "only": 1, **ADAM},
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
                "bias": 10.0, "bias_share": 0.5, **ADAM, "epochs": 30},
        },
    ),
)  # fmt: skip
