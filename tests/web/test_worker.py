"""The playground's worker: its messages, the records that it takes, its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepxor
from deepxor import record_steps
from deepxor.nn.activations import ACTIVATIONS
from deepxor.xor.config import HYPOTHESIS, Experiment
from deepxor.xor.decision_surface import grid
from deepxor.xor.network.build import build
from tests.support.static_site import Modules, browser_modules

TRAINING = Path(deepxor.__file__).parent / "web/static/training"

# Stands for the table that the page generates from Python's.
TABLE = {name: {"initializer": row.initializer} for name, row in ACTIVATIONS.items()}
FOUND = {"bits": 3, "depth": 2, "width": 4, "activation": "tanh", "replicas": 6}
SETTINGS = FOUND | {
    "units": [4, 4],
    "kernelInitializer": "glorot",
    "learningRate": 0.1,
    "seed": 0,
    "residual": False,
}

# Sends messages to a worker, each after the answer to the one before.
_TALK = """
const worker = new Worker(given.url, {type: 'module'});
const answers = [];
for (const message of given.messages) {
  worker.postMessage(message);
  answers.push(await new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => resolve(data);
    worker.onerror = reject;
  }));
}
worker.terminate();
return answers;
"""


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with browser_modules(TRAINING) as modules:
        yield modules


def talk(modules: Modules, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns a worker's answers to messages, whose numbers are 0, 1, ..."""
    numbered = [{"id": i, **message} for i, message in enumerate(messages)]
    answers = modules.run({}, _TALK, url=modules.url + "worker.js", messages=numbered)
    assert [answer["id"] for answer in answers] == list(range(len(messages)))
    return answers


def check(modules: Modules, **found: Any) -> dict[str, Any]:
    return modules.run(
        {"settings.js": "checkSettings"},
        "return checkSettings(given.found, given.table);",
        found=found,
        table=TABLE,
    )


def test_records_are_those_of_python(modules: Modules) -> None:
    found = modules.run({"records.js": "EARLY_STEPS"}, "return EARLY_STEPS;")
    assert found == list(record_steps.EARLY_STEPS)
    # No multiple of so large an interval but 0 is among these steps.
    every, steps = 10**6, range(3000)
    is_record = modules.run(
        {"records.js": "isRecord"},
        "return given.steps.map((step) => isRecord(step));",
        steps=list(steps),
    )
    assert is_record == [record_steps.is_record(step, every) for step in steps]


@pytest.mark.parametrize("bits", [2, 4])
def test_the_grid_is_that_of_the_decision_surface(modules: Modules, bits: int) -> None:
    found = modules.run({"grid.js": "grid"}, "return grid(given.bits);", bits=bits)
    np.testing.assert_array_equal(found, grid(bits).ravel())


def test_a_training_is_told_in_messages(modules: Modules) -> None:
    built, first, again, shown = talk(
        modules,
        {"do": "build", "settings": SETTINGS},
        {"do": "advance", "to": 100, "until": 1e9},
        {"do": "advance", "to": 100, "until": 1e9},
        {"do": "show", "replica": 3, "layer": 1, "unit": 2},
    )
    kinds = [answer["kind"] for answer in (built, first, again, shown)]
    assert kinds == ["built", "advanced", "advanced", "shown"]
    assert built["layerNames"] == ["layer1", "layer2", HYPOTHESIS]
    assert built["step"] == 0

    model = build(
        Experiment(hidden_units=(4, 4), activation="tanh", replicas=6, bits=3),
        dtype="float64",
    )
    for answer in (built, first):
        for layer, found in zip(model.stack, answer["weights"], strict=True):
            for name, weight in (("kernel", layer.kernel), ("bias", layer.bias)):
                expected = weight.numpy()[..., 0].ravel()
                np.testing.assert_allclose(found[name], expected, atol=1e-6)
        surface = model(grid(3).astype(np.float64)).numpy()[:, 0]
        np.testing.assert_allclose(answer["surface"], surface, atol=1e-6)
        for _ in range(100 * (answer is not first)):
            model.optimizer_step()

    wanted = [step for step in record_steps.EARLY_STEPS if step < 100]
    assert [record["step"] for record in first["records"]] == wanted
    assert all(len(r["factors"]["slope"]) == 3 for r in first["records"])
    assert first["latest"]["step"] == again["latest"]["step"] == 99
    assert first["step"] == again["step"] == shown["step"] == 100
    assert first["spent"] >= 0
    assert again["records"] == []
    np.testing.assert_array_equal(again["surface"], first["surface"])
    assert (first["replica"], shown["replica"]) == (0, 3)
    outputs = model.forward(grid(3).astype(np.float64))[1].numpy()
    np.testing.assert_allclose(shown["values"], outputs[:, 2, 3], atol=1e-6)
    assert not np.array_equal(shown["surface"], first["surface"])


def test_a_budget_ends_an_advance_after_a_step(modules: Modules) -> None:
    _, one, two = talk(
        modules,
        {"do": "build", "settings": SETTINGS},
        {"do": "advance", "to": 10**9, "until": 0},
        {"do": "advance", "to": 10**9, "until": 0},
    )
    assert (one["step"], two["step"]) == (1, 2)


def test_an_error_is_an_answer(modules: Modules) -> None:
    answers = talk(
        modules,
        {"do": "advance", "to": 1, "until": 1},
        {"do": "nothing"},
        {"do": "build", "settings": SETTINGS | {"activation": "none"}},
        {"do": "build", "settings": SETTINGS},
    )
    assert [answer["kind"] for answer in answers] == ["failed"] * 3 + ["built"]
    assert all("Error" in answer["message"] for answer in answers[:3])


def test_sound_settings_stay_and_others_have_defaults(modules: Modules) -> None:
    defaults = check(modules)
    assert defaults["units"] == [10] * 10
    assert defaults["initializer"] == "auto"
    assert defaults["kernelInitializer"] == ACTIVATIONS["sigmoid"].initializer
    sound = {
        "activation": "selu",
        "initializer": "orthogonal",
        "bits": 4,
        "depth": 20,
        "width": 16,
        "residual": True,
        "learningRate": 1e-5,
        "replicas": 200,
        "seed": 2**53 - 1,
    }
    derived = {"units": [16] * 20, "kernelInitializer": "orthogonal"}
    assert check(modules, **sound) == sound | derived
    texts = {name: str(value).lower() for name, value in sound.items()}
    assert check(modules, **texts) == sound | derived
    assert check(modules, activation="relu")["kernelInitializer"] == "he"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("activation", ["", "toString", "SIGMOID", None]),
        ("initializer", ["lsuv", "constructor", 1]),
        ("bits", [1, 5, 2.5, "two", "", None, True]),
        ("depth", [0, 21, -1]),
        ("width", [0, 17, [3]]),
        ("residual", ["yes", 1, None]),
        ("learningRate", [0, -1, "inf", float("inf"), float("nan"), 1e39]),
        ("replicas", [0, 201, 1e300]),
        ("seed", [-1, 0.5, 2**53, "0x"]),
    ],
)
def test_unsound_settings_do_not_get_through(
    modules: Modules, name: str, values: list[Any]
) -> None:
    defaults = check(modules)
    for value in values:
        assert check(modules, **{name: value}) == defaults
