"""The cases of the diagnosis benchmark are what they say, and their parts are fair."""

from collections import Counter

import numpy as np
import pytest

from deepxor.diagnosis.causes.table import CAUSES
from deepxor.verdicts import HEALTHY, NOT_LEARNING
from scripts.benchmarks.diagnosis.cases import AMBIGUOUS, CASES, PARTS, part_of
from scripts.benchmarks.diagnosis.cases.case import KINDS, Case
from scripts.benchmarks.diagnosis.outcome import find_outcome, learned_share
from scripts.benchmarks.diagnosis.setup import Setup
from scripts.benchmarks.diagnosis.training import train

BY_NAME = {case.name: case for case in CASES}

HEALTHY_CASE, DEAD_CASE = "short: plane, 16 steps", "dead from the start: plane, gelu"
# One of each kind, the quickest to train; most of one task, whose reference is kept.
OF_EACH_KIND = (
    HEALTHY_CASE,
    "tiny weights: plane, elu, layers apart",
    "too large a rate: plane, linear, a few steps",
    DEAD_CASE,
    "saturated where it starts: friedman, tanh, bias",
    "rate far too low: plane, adagrad",
    "labels of other samples: plane",
    "few steps: bars, three epochs",
)


def family(case):
    return case.name.split(":")[0]


def test_there_are_enough_and_half_of_them_are_healthy():
    kinds = Counter(case.kind for case in CASES)
    assert len(CASES) >= 120 and set(kinds) == set(KINDS)
    assert kinds[HEALTHY] / len(CASES) == pytest.approx(0.5, abs=0.05)
    assert min(kinds.values()) >= 20


def test_names_are_unique():
    names = [case.name for case in (*CASES, *AMBIGUOUS)]
    assert len(set(names)) == len(names)


def test_the_parts_are_disjoint_and_alike():
    design, report = (
        [case for case in CASES if part_of(case) == part] for part in PARTS
    )
    assert len(design) + len(report) == len(CASES)
    assert not {case.name for case in design} & {case.name for case in report}
    kinds = [Counter(case.kind for case in part) for part in (design, report)]
    for kind in KINDS:
        assert abs(kinds[0][kind] - kinds[1][kind]) <= 1
    assert {*map(family, design)} == {*map(family, report)}


def test_the_faulty_have_a_remedy_that_changes_something():
    for case in CASES:
        assert bool(case.remedy) == (case.kind != HEALTHY), case.name
        if case.remedy:
            assert case.remedied().setup != case.setup, case.name


def test_those_that_do_not_learn_for_other_reasons_have_known_causes():
    names = {rule.name for rule in CAUSES}
    for case in CASES:
        assert bool(case.causes) == (case.kind == NOT_LEARNING), case.name
        assert set(case.causes) <= names, case.name


def test_many_kinds_of_models_are_there():
    setups = [case.setup for case in CASES]
    assert len({setup.network for setup in setups}) >= 14
    assert len({setup.activation for setup in setups}) >= 14
    assert len({setup.optimizer for setup in setups}) >= 7
    assert len({setup.loss_name for setup in setups}) >= 7
    assert len({setup.task for setup in setups}) >= 20


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_outcomes_are_as_said(name):
    outcome = find_outcome(BY_NAME[name])
    assert outcome.ok
    assert (outcome.share < 0.5) == (BY_NAME[name].kind != HEALTHY)


def test_a_wrong_kind_is_found_out():
    healthy, dead = BY_NAME[HEALTHY_CASE], BY_NAME[DEAD_CASE]
    assert not find_outcome(Case("", HEALTHY, dead.setup)).ok
    assert not find_outcome(Case("", "dead", healthy.setup, {"bias": 1.0})).ok


def test_the_same_case_is_the_same_training():
    setup = Setup(task="moons", units=(8,), dropout=0.2, epochs=3)
    first, again, other = (
        train(Case("", HEALTHY, setup, seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_what_was_trained_before_is_kept():
    setup = Setup(units=(8, 8), frozen=1, epochs=1, rates=((0, 0.0),))
    good = {"optimizer": "adam", "rates": ((0, 0.02),), "epochs": 15}
    (resumed,) = train(Case("", HEALTHY, setup, before=good))
    (fresh,) = train(Case("", HEALTHY, setup))
    assert resumed < 0.2 < fresh


def test_the_learned_share_does_not_depend_on_scales():
    plain = Setup(task="plane", network="linear")
    scaled = Setup(task="plane", network="linear", target_scale=100.0, loss_scale=1e-3)
    share = learned_share(plain, 0.5)
    assert learned_share(scaled, 0.5 * 100**2 * 1e-3) == pytest.approx(share)
    assert 0 < share < 1
    assert learned_share(plain, np.nan) == -np.inf
