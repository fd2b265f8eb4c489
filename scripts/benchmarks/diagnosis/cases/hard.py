"""The healthy models that look as if they did not learn: hard, short or noisy."""

from __future__ import annotations

from deepxor.verdicts import HEALTHY
from scripts.benchmarks.diagnosis.cases.family import ADAM, family

HARD_CASES = (
    *family(
        "little to learn",
        HEALTHY,
        {
            "faint line": {"task": "faint_line", "units": (8,), **ADAM, "epochs": 10},
            "faint line, sgd": {"task": "faint_line", "units": (16,), "rate": 0.1},
            "faint line, tanh": {"task": "faint_line", "activation": "tanh",
                                 "units": (8,), **ADAM},
            "faint line, batches of 4": {"task": "faint_line", "units": (8,),
                                         "batch_size": 4, "rate": 0.03, "epochs": 8},
            "faint line, sigmoid output": {
                "task": "faint_line", "units": (8,), "output": "sigmoid", **ADAM},
            "faint friedman": {"task": "faint_friedman", "units": (8,), **ADAM},
            "faint friedman, sgd": {"task": "faint_friedman", "units": (8,),
                                    "rate": 0.05},
            "faint friedman, mae": {"task": "faint_friedman", "units": (8,),
                                    "loss": "mae", **ADAM, "epochs": 25},
            "faint friedman, rmsprop": {
                "task": "faint_friedman", "units": (12,), "optimizer": "rmsprop",
                "rate": 0.01},
            "faint blobs": {"task": "faint_blobs", "units": (16,), **ADAM},
            "faint blobs, momentum": {
                "task": "faint_blobs", "units": (16,), "optimizer": "momentum",
                "rate": 0.03},
            "faint blobs, dropout": {"task": "faint_blobs", "units": (32,),
                                     "dropout": 0.2, **ADAM, "epochs": 30},
        },
    ),
    *family(
        "small batches",
        HEALTHY,
        {
            "rings, one sample": {"batch_size": 1, "rate": 0.01, "epochs": 4},
            "moons, two samples": {"task": "moons", "batch_size": 2, "rate": 0.03,
                                   "epochs": 3},
            "friedman, one sample": {"task": "friedman", "batch_size": 1,
                                     "optimizer": "adam", "rate": 0.003, "epochs": 2},
            "blobs, eight samples": {"task": "blobs", "batch_size": 8, **ADAM,
                                     "epochs": 2},
            "tokens, four samples": {"task": "tokens", "network": "bag",
                                     "units": (16, 16), "batch_size": 4, **ADAM,
                                     "epochs": 2},
            "glyphs, two samples": {"task": "glyphs", "units": (32,), "batch_size": 2,
                                    "rate": 0.01, "epochs": 2},
            "plane, one sample": {"task": "plane", "network": "linear",
                                  "batch_size": 1, "rate": 0.01, "epochs": 1},
        },
    ),
    *family(
        "few steps",
        HEALTHY,
        {
            "glyphs, two epochs": {"task": "glyphs", "units": (64,), **ADAM,
                                   "epochs": 2},
            "tokens, three epochs": {"task": "tokens", "network": "bag",
                                     "units": (16, 16), "optimizer": "adam",
                                     "rate": 0.03, "epochs": 3},
            "bars, three epochs": {"task": "bars", "network": "cnn",
                                   "units": (8, 8, 16), **ADAM, "epochs": 3},
            "means, four epochs": {"task": "means_20", "network": "gru",
                                   "units": (12,), "optimizer": "adam",
                                   "rate": 0.03, "epochs": 4},
        },
    ),
    *family(
        "rare classes",
        HEALTHY,
        {
            "adam": {**ADAM, "epochs": 30},
            "momentum": {"optimizer": "momentum", "rate": 0.05, "epochs": 40},
            "sigmoid output": {"output": "sigmoid", **ADAM, "epochs": 30},
            "batches of 8": {"batch_size": 8, **ADAM, "epochs": 10},
        },
        task="rare",
        units=(16, 16),
    ),
    *family(
        "outputs that fit",
        HEALTHY,
        {
            "tanh, targets within 1": {"task": "sine", "activation": "tanh",
                                       "target_scale": 0.9, "output": "tanh", **ADAM,
                                       "epochs": 40},
            "relu, targets above 0": {"task": "friedman", "target_shift": 4.0,
                                      "output": "relu", "last_bias": 4.0, **ADAM,
                                      "epochs": 30},
            "softplus, counts": {"task": "counts", "output": "softplus", **ADAM,
                                 "epochs": 30},
            "sigmoid, confident": {"task": "moons", "output": "sigmoid",
                                   "units": (32, 32), **ADAM, "epochs": 60},
            "softmax, many classes": {"task": "glyphs", "output": "softmax",
                                      "units": (32,), **ADAM},
            "sigmoid, squared error": {"task": "bars", "network": "cnn",
                                       "units": (8, 8, 16), "output": "sigmoid",
                                       "loss": "mse", **ADAM},
        },
    ),
    *family(
        "inputs as they are",
        HEALTHY,
        {
            "pictures from 0 to 255, adam": {
                "task": "glyphs", "units": (64,), "input_scale": 60.0,
                "input_shift": 127.0, "optimizer": "adam", "rate": 0.001,
                "initializer": "he_normal", "epochs": 30},
            "pictures from 0 to 255, normalized inside": {
                "task": "glyphs", "network": "cnn", "units": (8, 8, 32),
                "input_scale": 60.0, "input_shift": 127.0, "norm": "batch", **ADAM},
            "blobs of 100, adam": {"task": "blobs", "input_scale": 100.0,
                                   "units": (32,), "optimizer": "adam",
                                   "rate": 0.001, "epochs": 40},
            "token ids": {"task": "tokens", "network": "transformer",
                          "units": (16, 32), "optimizer": "adam", "rate": 0.002},
        },
    ),
    *family(
        "regularized",
        HEALTHY,
        {
            "dropout of a half": {"task": "blobs", "units": (64, 64), "dropout": 0.5,
                                  **ADAM, "epochs": 30},
            "dropout of a half, moons": {"task": "moons", "units": (64,),
                                         "dropout": 0.5, **ADAM, "epochs": 30},
            "targets of 100, mae": {"task": "plane", "target_scale": 100.0,
                                    "loss": "mae", "optimizer": "adam", "rate": 0.3,
                                    "epochs": 30},
        },
    ),
)  # fmt: skip
