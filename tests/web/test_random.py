"""The playground's networks start from the very weights of Python's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import deepxor
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.xor.config import Experiment
from deepxor.xor.network.build import build
from tests.support.static_site import Modules, browser_modules

TRAINING = Path(deepxor.__file__).parent / "web/static/training"
NUMBERS = 1_000_000


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with browser_modules(TRAINING) as modules:
        yield modules


@pytest.mark.parametrize(
    "entropy", [(0, 0), (1, 199), (2**32, 3), (2**53 - 1, 5), (7, 8, 9, 10, 11)]
)
def test_numbers_are_those_of_numpy(modules: Modules, entropy: tuple[int, ...]) -> None:
    count = 1000
    found = modules.run(
        {"random.js": "Random"},
        """
        const random = new Random(given.entropy);
        const draw = (name, ...range) => Float64Array.from(
          {length: given.count}, () => random[name](...range));
        return [draw('random'), draw('uniform', -0.3, 0.7), draw('normal')];
        """,
        entropy=list(entropy),
        count=count,
    )
    rng = np.random.default_rng(entropy)
    np.testing.assert_array_equal(found[0], rng.random(count))
    np.testing.assert_array_equal(found[1], rng.uniform(-0.3, 0.7, count))
    np.testing.assert_allclose(found[2], rng.standard_normal(count), rtol=1e-13)


def test_a_million_normal_numbers_are_those_of_numpy(modules: Modules) -> None:
    found = modules.run(
        {"random.js": "Random"},
        """
        const random = new Random([12, 34]);
        return Float64Array.from({length: given.count}, () => random.normal());
        """,
        count=NUMBERS,
    )
    expected = np.random.default_rng((12, 34)).standard_normal(NUMBERS)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    # Some of them are beyond the ziggurat, where they are drawn in another way.
    assert np.abs(found).max() > 4


@pytest.mark.parametrize("activation", ["tanh", "maxout"])
@pytest.mark.parametrize("initializer", REPLICA_INITIALIZERS)
def test_kernels_start_as_in_python(
    modules: Modules, initializer: str, activation: str
) -> None:
    for bits, units, seed in ((2, (5, 5, 3), 0), (4, (2, 16, 16, 7), 2**40 + 1)):
        experiment = Experiment(
            hidden_units=units,
            activation=activation,
            initializer=initializer,
            replicas=7,
            seed=seed,
            bits=bits,
        )
        found = modules.run(
            {"network.js": "Network"},
            "return new Network(given).layers.map(({kernel}) => kernel);",
            bits=bits,
            units=list(units),
            activation=activation,
            initializer=initializer,
            replicas=7,
            seed=seed,
            learningRate=0.1,
        )
        model = build(experiment, dtype="float64")
        assert len(found) == len(model.stack)
        for kernel, layer in zip(found, model.stack, strict=True):
            expected = layer.kernel.numpy().ravel()
            np.testing.assert_allclose(kernel, expected, rtol=1e-12, atol=1e-12)


def test_the_tables_have_the_same_names(modules: Modules) -> None:
    found = modules.run(
        {"initializers.js": "INITIALIZERS"}, "return Object.keys(INITIALIZERS);"
    )
    assert found == list(REPLICA_INITIALIZERS)
