"""Born-dead ReLU networks: the count beside the formula and a network unit by unit."""

import itertools

import numpy as np
import pytest

from deepxor.sweeps import born_dead

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(("width", "expected"), [(5, 0.2720), (2, 0.9437)])
def test_the_formula_lies_in_the_interval_of_the_count(width, expected):
    counted = born_dead.count(10, width)
    low, high = counted.interval
    assert counted.expected == pytest.approx(expected, abs=5e-5)
    assert low < counted.expected < high
    assert high - low < 0.02


def test_over_the_inputs_of_xor_fewer_are_dead():
    """The inputs are 0 and 1; 0.162 was counted before by another program."""
    counted = born_dead.count(10, 5, XOR)
    low, high = counted.interval
    assert low < 0.162 < high
    assert high < counted.expected


def test_one_layer_is_dead_as_often_as_signs_alone_say():
    """A unit is 0 for the inputs (1, 0), (0, 1) and (1, 1) if both weights are."""
    counted = born_dead.count(1, 1, XOR)
    low, high = counted.interval
    assert low < 0.25 < high
    signs = list(itertools.product([-1, 1], repeat=4))
    dead = np.mean([max(pair) < 0 for pair in signs])
    low, high = born_dead.count(1, 2, XOR).interval
    assert low < dead < high


def test_an_input_of_zeros_finds_every_network_dead():
    assert born_dead.count(3, 8, [[0.0, 0.0]], networks=10).share == 1


def test_parts_do_not_lose_networks(monkeypatch):
    monkeypatch.setattr(born_dead, "MAX_KERNELS", 70 * 9)
    counted = born_dead.count(4, 3, networks=1001)
    assert counted.networks == 1001 and 0 < counted.dead < 1001
    low, high = counted.interval
    assert low < counted.expected < high
    assert list(born_dead._parts(141, 9)) == [70, 70, 1]


def test_equal_seeds_give_equal_counts():
    first, again, other = (
        born_dead.count(8, 3, networks=3000, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again and first.dead != other.dead


def test_wide_layers_keep_their_small_share():
    assert born_dead.expected_share(10, 60) == pytest.approx(10 * 2.0**-60)


def test_the_table_has_all_depths_and_widths():
    rows = born_dead.table([1, 2], [1, 3], networks=50)
    shapes = [(row.depth, row.width) for row in rows]
    assert shapes == [(1, 1), (1, 3), (2, 1), (2, 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "`depth` must be at least 1. Received: depth=0"),
        ({"width": 0}, "`width` must be at least 1. Received: width=0"),
        ({"networks": 0}, "`networks` must be at least 1. Received: networks=0"),
        ({"inputs": [1.0]}, "`inputs` must be a table of at least one sample"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        born_dead.count(**{"depth": 2, "width": 2, **arguments})
