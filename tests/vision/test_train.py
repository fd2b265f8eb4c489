import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from deepxor.console.images import scores_of
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks.pictures import PicturesTask
from deepxor.vision.config import RECIPES, Trial
from deepxor.vision.datasets import load
from deepxor.vision.train import schedule, train_trial, training_batches

RECIPE = dataclasses.replace(RECIPES["digits"].with_epochs(2), scale=0.1)
TRIAL = Trial("digits", "cnn", "relu", "he", 0, RECIPE)

# All pictures in a batch: their order then does not matter. It is another where Keras
# distributes a data set.
WHOLE = dataclasses.replace(
    TRIAL, recipe=dataclasses.replace(RECIPE.with_epochs(6), batch_size=1442)
)

# The same trial on one device and on two.
MIRRORED = """
import json
import sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from deepxor.vision import train as trial_training
from tests.vision.test_train import WHOLE
folder = Path(sys.argv[1])
one = trial_training.train_trial(WHOLE, folder / "one")
two = trial_training.train_trial(WHOLE, folder / "two", distribute="mirrored")
(folder / "results.json").write_text(json.dumps([one, two]))
assert trial_training._strategy("mirrored").num_replicas_in_sync == 2
"""


def test_two_devices_train_as_one_does(tmp_path, request):
    subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path)],
        check=True,
        cwd=request.config.rootpath,
    )
    one, two = json.loads((tmp_path / "results.json").read_text())
    # float32, and sums in another order.
    for name in ("cost", "cost_training"):
        assert two[name] == pytest.approx(one[name], rel=1e-4)
    assert two["verdict"] == one["verdict"]


def test_the_same_seed_is_the_same_training(tmp_path):
    results = [train_trial(TRIAL, tmp_path / name) for name in "ab"]
    other = train_trial(dataclasses.replace(TRIAL, seed=1), tmp_path / "a")
    assert results[0] == results[1] != other


def test_a_training_that_diverges_is_not_converged(tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e30)
    results = train_trial(dataclasses.replace(TRIAL, recipe=recipe), tmp_path)
    assert results["converged"] == 0 and np.isnan(results["cost"])
    assert results["verdict"] == "exploding"


def test_the_learning_rate_is_divided_by_ten_at_the_milestones():
    recipe = dataclasses.replace(RECIPE, learning_rate=0.5, milestones=(2, 3))
    rates = [float(schedule(recipe, 10)(step)) for step in (0, 20, 21, 30, 31)]
    np.testing.assert_allclose(rates, [0.5, 0.5, 0.05, 0.05, 0.005], rtol=1e-6)


def test_every_epoch_has_every_picture_in_another_order():
    pictures = load("digits")
    batches = training_batches(RECIPE, pictures, seed=0)
    epochs = [np.concatenate([y for _, y in batches.as_numpy_iterator()])
              for _ in range(2)]  # fmt: skip
    assert not np.array_equal(*epochs)
    for labels in epochs:
        np.testing.assert_array_equal(np.sort(labels), np.sort(pictures.y_train))


def test_the_paper_is_beside_its_own_network_and_pictures_alone(tmp_path):
    for dataset in ("cifar10", "digits"):
        sweep = Sweep(
            PicturesTask(tmp_path),
            (
                Axis("initializer", ("orthogonal_scaled", "he")),
                Axis("activation", ("tanh", "maxout")),
            ),
            1,
            {
                "dataset": dataset,
                "network": "fitnet4",
                **dataclasses.asdict(RECIPES[dataset]),
            },
        )
        row = {"converged": 1, "accuracy": 0.5, "verdict": "healthy", "cause": ""}
        scores = scores_of(sweep, [{**row, "cell": cell} for cell in range(4)])
        texts = {key: score.published_text for key, score in scores.items()}
        is_paper = dataset == "cifar10"
        assert texts["he", "tanh"] == ("89.54" if is_paper else "")
        assert texts["he", "maxout"] == ("n/c" if is_paper else "")
        assert texts["orthogonal_scaled", "tanh"] == ""
        assert scores["he", "tanh"].text == "50.0"
