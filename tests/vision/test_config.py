import dataclasses

import pytest

from deepxor.vision.config import RECIPES, Recipe, Trial

TRIAL = Trial("digits", "fitnet4", "relu", "he", 0, RECIPES["digits"])


def test_the_recipe_for_cifar10_is_the_papers():
    recipe = RECIPES["cifar10"]
    assert (recipe.epochs, recipe.milestones) == (230, (102, 154, 205))
    assert (recipe.batch_size, recipe.learning_rate) == (128, 0.01)
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 5e-4)
    assert recipe.dropout and recipe.augment and recipe.scale == 1


def test_milestones_move_with_the_epochs():
    assert Recipe(20, (12, 17)).with_epochs(10).milestones == (6, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "mnist"}, "one of digits, .*Received: dataset='mnist'"),
        ({"network": "vgg"}, "one of fitnet4, cnn. Received: network='vgg'"),
        ({"activation": "step"}, "one of sigmoid, .*Received: activation='step'"),
        ({"initializer": "zeros"}, "one of glorot, .*Received: initializer='zeros'"),
        ({"seed": -1}, "at least 0. Received: seed=-1"),
    ],
)
def test_settings_that_are_not_allowed_are_quoted(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TRIAL, **change)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "learning_rate", "scale"])
def test_a_recipes_numbers_are_above_zero(name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}=0"):
        dataclasses.replace(RECIPES["digits"], **{name: 0})
