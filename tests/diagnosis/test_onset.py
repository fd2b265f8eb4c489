"""The record at which a fault first showed."""

import numpy as np

from deepxor.diagnosis.diagnosis import diagnose
from deepxor.diagnosis.onset import fault_step
from tests.diagnosis.test_rules import RECORDS, history


def test_a_gradient_that_stops_being_finite_has_begun_there():
    bad = np.where(np.arange(RECORDS)[:, None] >= 20, 5, 0)
    found = history(non_finite=bad, first_bad=(193, "second"))
    verdict = diagnose(found).verdict
    assert verdict == "exploding"
    step = fault_step(found, verdict)
    # To within a fifth of the records before it.
    assert 193 <= step <= 1.25 * 200 + found["step"][1]


def test_what_is_no_fault_has_no_beginning():
    assert fault_step(history(), "healthy") is None
    assert fault_step(history(), "undecided") is None


def test_early_records_do_not_count():
    bad = np.zeros((RECORDS, 1))
    bad[-1] = 5
    found = history(non_finite=bad, first_bad=(0, "second"))
    found["regular"] = np.arange(RECORDS) > 0
    assert fault_step(found, "exploding") in found["step"][1:]


def test_no_verdict_depends_on_the_records_between_the_regular_ones():
    rng = np.random.default_rng(0)
    for changes in ({}, {"norm": 1e-9}, {"loss": 0.69}, {"dead_fraction": 1.0}):
        alone = history(**changes)
        # After each of the first records some whose numbers are any.
        places = np.repeat(np.arange(1, 6), 3)
        among = {
            key: np.insert(value, places, rng.lognormal(0, 9), axis=0)
            if isinstance(value, np.ndarray)
            else value
            for key, value in alone.items()
        }
        among["step"] = np.insert(alone["step"], places, alone["step"][places] - 5)
        among["loss_seen"] = np.ones(len(among["step"]), bool)
        is_regular = np.insert(np.ones(RECORDS, bool), places, False)
        assert diagnose({**among, "regular": is_regular}) == diagnose(alone)
