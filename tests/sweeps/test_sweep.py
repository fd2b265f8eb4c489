"""A sweep's cells and chunks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.sweeps.axis import Axis
from deepxor.sweeps.sweep import Sweep
from deepxor.sweeps.tasks import TASKS
from tests.sweeps.toy import ToyTask, toy_sweep

XOR = TASKS["xor"]
AXES = st.sampled_from(
    [
        Axis("depth", (1, 3, 30)),
        Axis("width", (2, 8, 64)),
        Axis("weight_variance", (0.5, 2.0)),
        Axis("activation", ("relu", "tanh", "sigmoid")),
        Axis("learning_rate", (0.01, 0.1, 1.0)),
        Axis("bits", (2, 3)),
        Axis("optimizer", ("sgd", "adam")),
        Axis("seed", tuple(range(7))),
    ]
)


@given(st.lists(AXES, min_size=1, max_size=2, unique=True), st.integers(1, 700))
def test_chunks_have_each_network_once_the_most_work_first(axes, replicas):
    given_too = {"depth": 2, "width": 4}
    fixed = {k: v for k, v in given_too.items() if k not in {a.name for a in axes}}
    sweep = Sweep(XOR, tuple(axes), replicas, fixed)
    networks = [
        pair
        for chunk in sweep.chunks
        for pair in zip(chunk.cells, chunk.replicas, strict=True)
    ]
    cells = math.prod(len(axis.values) for axis in axes)
    assert sweep.count == len(networks)
    assert sorted(networks) == [(c, r) for c in range(cells) for r in range(replicas)]
    work = [XOR.work(chunk.experiments[0]) for chunk in sweep.chunks]
    assert work == sorted(work, reverse=True)
    sizes = {}
    for number, chunk in enumerate(sweep.chunks):
        assert chunk.number == number
        assert chunk.experiments == tuple(sweep.experiments[c] for c in chunk.cells)
        # One compiled training, of a size that all chunks of its kind share.
        (common,) = {XOR.common(experiment) for experiment in chunk.experiments}
        assert sizes.setdefault(common, chunk.size) == chunk.size
        assert len(chunk.cells) <= chunk.size
        assert chunk.size <= XOR.side_by_side(chunk.experiments[0])
    assert Sweep(XOR, tuple(axes), replicas, dict(fixed)).chunks == sweep.chunks


def test_cells_have_the_settings_of_their_axes_in_the_products_order():
    axes = (Axis("depth", (2, 3)), Axis("weight_variance", (1, 2)))
    sweep = Sweep(XOR, axes, 2, {"width": 4, "activation": "tanh"})
    assert [(e.depth, e.weight_variance) for e in sweep.experiments] == [
        (2, 1), (2, 2), (3, 1), (3, 2)
    ]  # fmt: skip
    assert {(e.width, e.activation) for e in sweep.experiments} == {(4, "tanh")}
    assert sweep.common_settings["width"] == 4
    assert not {"depth", "weight_variance"} & set(sweep.common_settings)
    facts = dict(sweep.facts())
    assert facts["task"] == "xor" and facts["networks a cell"] == 2
    assert facts["learning rate"] == 0.1
    assert sweep.title == "XOR, tanh, width 4, 2 networks a cell"


@pytest.mark.parametrize(
    ("axes", "replicas", "fixed", "words"),
    [
        ((), 1, {}, "one or two axes"),
        ((Axis("cost", (1,)),), 1, {}, "`axis` must be one of depth, width"),
        (
            (Axis("depth", (1, 0)),), 1, {"width": 2},
            "Cell depth=0: `depth` must be an integer from 1 to 1000. Received: depth=0"
        ),
        (
            (Axis("depth", (2,)), Axis("activation", ("relu", "lisp"))), 1,
            {"width": 2}, "Cell depth=2, activation=lisp: `activation` must be one of",
        ),
        (
            (Axis("depth", (2,)),), 1, {},
            "Cell depth=2: `depth` and `width` must be given together",
        ),
        (
            (Axis("seed", (1,)),), 1, {"batch_size": 8},
            "Cell seed=1: Settings of the task must be network",
        ),
        (
            (Axis("depth", (2,)),), 1, {"depth": 3, "width": 2},
            "`depth` must not be an axis and given, too. Received: depth=3",
        ),
        ((Axis("seed", (1,)),), 0, {}, "`replicas` must be an integer of at least 1"),
        ((Axis("seed", (1,)),), 2.0, {}, "`replicas` must be an integer of at least"),
        ((Axis("seed", (1,)),), True, {}, "`replicas` must be an integer of at least"),
        ((Axis("seed", (1, 2)),), 10**7, {}, "at most 10,000,000 networks. Received: "),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_one_line(axes, replicas, fixed, words):
    with pytest.raises(ValueError) as raised:
        Sweep(XOR, axes, replicas, fixed)
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_the_name_is_that_of_the_settings():
    axes = (Axis("depth", (1, 2)), Axis("width", (3, 4)))
    sweep = Sweep(XOR, axes, 2, {"activation": "relu", "seed": 1})
    same = Sweep(XOR, axes, 2, {"seed": 1, "activation": "relu"})
    assert sweep.name == same.name and sweep.name.startswith("depth-width-xor-")
    others = [
        Sweep(XOR, axes[::-1], 2, sweep.fixed),
        Sweep(XOR, axes, 3, sweep.fixed),
        Sweep(XOR, axes, 2, {**sweep.fixed, "seed": 2}),
        Sweep(XOR, axes, 2, {"activation": "relu"}),
        Sweep(XOR, (axes[0], Axis("width", (3, 5))), 2, sweep.fixed),
        Sweep(XOR, (axes[0], Axis("width", (4, 3))), 2, sweep.fixed),
    ]
    assert len({sweep.name, *(other.name for other in others)}) == len(others) + 1
    # The files say the same as the names.
    assert all(other.to_json() != sweep.to_json() for other in others)


def test_units_of_layers_are_a_setting_too():
    sweep = Sweep(XOR, (Axis("seed", (0, 1)),), 1, {"hidden_units": (3, 2)})
    assert sweep.experiments[0].hidden == (3, 2)
    assert sweep.to_json()["fixed"] == {"hidden_units": [3, 2]}


def test_a_task_of_its_own_is_chunked_as_it_says():
    sweep = toy_sweep(ToyTask())
    assert [(len(chunk.cells), chunk.size) for chunk in sweep.chunks] == [(3, 3)] * 6
    assert [chunk.experiments[0].depth for chunk in sweep.chunks] == [3, 3, 2, 2, 1, 1]
    uneven = toy_sweep(ToyTask(), replicas=7).chunks
    assert [(len(chunk.cells), chunk.size) for chunk in uneven[:4]] == [
        (4, 4), (4, 4), (4, 4), (2, 4)
    ]  # fmt: skip


def test_the_facts_have_zeros_and_leave_out_what_has_no_effect():
    axes = (Axis("depth", (1, 2)),)
    fixed = {"width": 4, "weight_variance": 2.0, "activation": "tanh"}
    facts = dict(Sweep(XOR, axes, 1, fixed).facts())
    assert facts["bias variance"] == 0 and facts["seed"] == 0
    assert facts["weight variance"] == 2
    assert not {"initializer", "alpha", "pieces", "residual", "depth"} & set(facts)
    assert dict(Sweep(XOR, axes, 1, {"width": 4}).facts())["initializer"] == "auto"


def test_settings_of_another_task_are_refused_by_their_name():
    axes = (Axis("depth", (1, 2)),)
    for task, setting in ((XOR, "batch_size"), (TASKS["digits"], "bits")):
        with pytest.raises(ValueError, match=f"Received: {setting}=4"):
            Sweep(task, axes, 1, {"width": 4, setting: 4})
