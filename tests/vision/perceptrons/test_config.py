import dataclasses
import math
import subprocess
import sys

import pytest

from deepxor.vision.datasets import load
from deepxor.vision.perceptrons.config import (
    CLASSES,
    INPUTS,
    PICTURES,
    PerceptronExperiment,
)

# Settings by which networks trained side by side may differ.
FREE = {
    "weight_variance": 1.5,
    "bias_variance": 0.05,
    "learning_rate": 0.5,
    "initializer": "he",
    "seed": 3,
}
BOUND = {
    "depth": 3,
    "width": 7,
    "activation": "relu",
    "optimizer": "adam",
    "batch_size": 9,
    "num_steps": 11,
}


def test_every_setting_is_part_of_the_shape_or_free():
    settings = {field.name for field in dataclasses.fields(PerceptronExperiment)}
    assert settings == set(FREE) | set(BOUND)
    stock = PerceptronExperiment().shape_key
    for name, value in FREE.items():
        assert PerceptronExperiment(**{name: value}).shape_key == stock, name
    for name, value in BOUND.items():
        assert PerceptronExperiment(**{name: value}).shape_key != stock, name


def test_the_numbers_are_those_of_the_digits():
    pictures = load("digits")
    assert pictures.x_train.reshape(len(pictures.y_train), -1).shape == (
        PICTURES,
        INPUTS,
    )
    assert pictures.classes == CLASSES


def test_auto_is_the_initializer_of_the_activation():
    assert PerceptronExperiment(activation="relu").kernel_initializer == "he"
    assert PerceptronExperiment(activation="tanh").kernel_initializer == "glorot"
    assert PerceptronExperiment(initializer="lecun").kernel_initializer == "lecun"


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 0},
        {"depth": True},
        {"depth": 2.0},
        {"width": 0},
        {"width": 10**6},
        {"activation": "maxout"},
        {"activation": "no such"},
        {"activation": None},
        {"initializer": "lsuv"},
        {"weight_variance": -1.0},
        {"weight_variance": math.nan},
        {"weight_variance": math.inf},
        {"weight_variance": "1"},
        {"bias_variance": -0.1},
        {"bias_variance": True},
        {"bias_variance": None},
        {"optimizer": "no such"},
        {"learning_rate": 0},
        {"learning_rate": 1e-40},
        {"batch_size": 0},
        {"batch_size": PICTURES + 1},
        {"num_steps": 0},
        {"seed": -1},
        {"weight_variance": 1.0, "initializer": "he"},
    ],
    ids=str,
)
def test_a_bad_setting_is_refused_in_one_line(settings):
    with pytest.raises(ValueError) as error:
        PerceptronExperiment(**settings)
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(f"`{next(iter(settings))}`")
    assert "Received: " in text


def test_settings_need_no_tensorflow():
    code = (
        "import sys\n"
        "import deepxor.vision.perceptrons.chunk\n"
        "import deepxor.vision.perceptrons.config\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
