"""The models that do not learn although the gradient arrives."""

from __future__ import annotations

from deepxor.verdicts import NOT_LEARNING
from scripts.benchmarks.diagnosis.cases.family import ADAM, family

_BETTER_RATE = {"rate": 0.01}

NOT_LEARNING_CASES = (
    *family(
        "rate far too low",
        NOT_LEARNING,
        {
            "rings, sgd": {"rate": 1e-5, "remedy": {"rate": 0.3}},
            "blobs, adam": {"task": "blobs", "optimizer": "adam", "rate": 1e-6},
            "friedman, sgd": {
                "task": "friedman", "rate": 1e-6, "remedy": {"rate": 0.05}},
            "glyphs, convolutions": {
                "task": "glyphs", "network": "cnn", "units": (8, 8, 32),
                "optimizer": "adam", "rate": 1e-6, "epochs": 12},
            "spirals, momentum": {
                "task": "spirals", "optimizer": "momentum", "rate": 1e-6,
                "units": (32, 32), "epochs": 40, "remedy": {"rate": 0.1}},
            "tokens, rmsprop": {
                "task": "tokens", "network": "bag", "units": (16, 16),
                "optimizer": "rmsprop", "rate": 1e-6},
            "plane, adagrad": {
                "task": "plane", "network": "linear", "optimizer": "adagrad",
                "rate": 1e-5, "remedy": {"rate": 0.3}},
        },
        causes=("learning_rate_low", "too_few_steps"),
        remedy=_BETTER_RATE,
    ),
    *family(
        "too few steps",
        NOT_LEARNING,
        {
            "blobs": {"task": "blobs", "batch_size": 64, "epochs": 1},
            "glyphs": {"task": "glyphs", "units": (32, 32), "batch_size": 64,
                       "epochs": 1, "rate": 0.0003},
            "rings, tanh": {"activation": "tanh", "epochs": 1, "rate": 0.0003,
                            "remedy": {"epochs": 150}},
            "bars, convolutions": {
                "task": "bars", "network": "cnn", "units": (4, 4, 16), "epochs": 1,
                "batch_size": 64, "rate": 0.0003},
        },
        causes=("too_few_steps", "learning_rate_low"),
        optimizer="adam",
        rate=0.0005,
        remedy={"epochs": 80},
    ),
    *family(
        "inputs of a tiny scale",
        NOT_LEARNING,
        {
            "rings": {"input_scale": 1e-4, "rate": 0.1},
            "moons, tanh": {"task": "moons", "activation": "tanh",
                            "input_scale": 1e-4, "rate": 0.1},
            "friedman": {"task": "friedman", "input_scale": 1e-4, "rate": 0.03},
            "spirals, momentum": {
                "task": "spirals", "units": (32, 32), "input_scale": 1e-4,
                "optimizer": "momentum", "rate": 0.03, "epochs": 40},
        },
        causes=("input_scale",),
        remedy={"input_scale": 1.0},
    ),
    *family(
        "targets of a large scale",
        NOT_LEARNING,
        {
            "friedman, adam": {"task": "friedman", "target_scale": 1e6},
            "plane, rmsprop": {"task": "plane", "target_scale": 1e5,
                               "optimizer": "rmsprop"},
            "means, gru": {"task": "means_20", "network": "gru", "units": (12,),
                           "target_scale": 1e4, "rate": 0.01, "epochs": 15},
            "sine, far away": {"task": "sine", "activation": "tanh",
                               "target_shift": 1e4, "rate": 0.01, "epochs": 30},
            "low rank, adam": {"task": "low_rank", "target_scale": 1e6},
            "friedman, mae": {"task": "friedman", "loss": "mae",
                              "target_scale": 1e6},
        },
        causes=("target_scale", "learning_rate_low", "too_few_steps"),
        optimizer="adam",
        rate=0.003,
        epochs=30,
        remedy={"target_scale": 1.0, "target_shift": 0.0},
    ),
    *family(
        "labels of other samples",
        NOT_LEARNING,
        {
            "rings": {"units": (8,), "rate": 0.05},
            "blobs": {"task": "blobs", "units": (16,), **ADAM, "epochs": 10},
            "friedman": {"task": "friedman", "units": (8,), "rate": 0.03},
            "tokens": {"task": "tokens", "network": "bag", "units": (8, 8), **ADAM,
                       "epochs": 2},
            "waves, 1-d convolutions": {
                "task": "waves_24", "network": "conv1d", "units": (8, 8), **ADAM,
                "epochs": 6},
            "moons, tanh": {"task": "moons", "activation": "tanh", **ADAM},
            "plane": {"task": "plane", "network": "linear", "rate": 0.05},
            "glyphs": {"task": "glyphs", "units": (16,), "rate": 0.05, "epochs": 4},
        },
        causes=("labels",),
        permuted=True,
        remedy={"permuted": False},
    ),
    *family(
        "dropout of nearly all",
        NOT_LEARNING,
        {
            "blobs": {"task": "blobs", "units": (32, 32, 32)},
            "glyphs": {"task": "glyphs", "units": (64, 32)},
            "spirals": {"task": "spirals", "units": (32, 32), "epochs": 40},
            "moons": {"task": "moons", "units": (16, 16, 16)},
            "friedman": {"task": "friedman", "units": (16, 16, 16)},
        },
        causes=("dropout",),
        dropout=0.95,
        **ADAM,
        remedy={"dropout": 0.0},
    ),
    *family(
        "a loss that does not fit",
        NOT_LEARNING,
        {
            "labels of 0 and 5": {"target_scale": 5.0, "output": "sigmoid"},
            "labels of 0 and 100, convolutions": {
                "task": "bars", "network": "cnn", "units": (8, 8, 16),
                "target_scale": 100.0, "output": "sigmoid", "epochs": 12},
            "numbers under a crossentropy": {
                "task": "checker", "target_scale": 3.0, "target_shift": 1.0,
                "units": (32, 32), "output": "sigmoid", "epochs": 40},
        },
        causes=("loss", "labels"),
        **ADAM,
        remedy={"target_scale": 1.0, "target_shift": 0.0},
    ),
    *family(
        "logits taken for probabilities",
        NOT_LEARNING,
        {
            "spirals": {"task": "spirals", "units": (32, 32), "epochs": 40},
            "blobs": {"task": "blobs", "units": (32,)},
            "moons, tanh": {"task": "moons", "activation": "tanh"},
            "glyphs": {"task": "glyphs", "units": (32,)},
        },
        causes=("output_activation", "loss"),
        logits=False,
        rate=0.1,
        remedy={"logits": True},
    ),
)  # fmt: skip
