"""The programs are what they say, and their parts are fair."""

from collections import Counter

import keras
import numpy as np
import pytest

from deepxor.diagnosis.causes.table import CAUSES
from scripts.benchmarks.diagnosis.cases import PARTS
from scripts.benchmarks.diagnosis.programs import PROGRAMS, part_of
from scripts.benchmarks.diagnosis.programs.program import (
    FAILED,
    LEARNED,
    accuracy_share,
    explained,
    most_likely,
    rounded,
)
from scripts.benchmarks.diagnosis.programs.runs import cached_run
from scripts.benchmarks.diagnosis.programs.tables import program_tables

BY_NAME = {program.name: program for program in PROGRAMS}


def test_names_are_unique_and_causes_are_those_of_the_table():
    assert len(BY_NAME) == len(PROGRAMS) >= 30
    names = {rule.name for rule in CAUSES}
    for program in PROGRAMS:
        assert program.causes and set(program.causes) <= names, program.name


def test_the_part_of_a_program_follows_from_its_name():
    parts = Counter(map(part_of, PROGRAMS))
    assert set(parts) == set(PARTS) and min(parts.values()) >= 10
    # It would be another benchmark if these moved.
    assert part_of(BY_NAME["digits, one unit wide"]) == "design"
    assert part_of(BY_NAME["prices, softmax over one unit"]) == "report"


# Some of each file, as each takes seconds; a run of the benchmark trains all.
@pytest.mark.parametrize("name", list(BY_NAME)[::7])
@pytest.mark.parametrize("is_faulty", [True, False])
@pytest.mark.filterwarnings("ignore")  # Keras warns of some faults
def test_every_version_can_be_trained(name, is_faulty):
    keras.utils.set_random_seed(0)
    training = BY_NAME[name].build(is_faulty)
    size = 2 * training.batch_size
    training.model.fit(
        training.x[:size], training.y[:size], training.batch_size, verbose=0
    )
    assert training.score(training.model) <= 1


class Answers:
    """Predicts what it is given."""

    def __init__(self, answers):
        self.answers = np.asarray(answers, float)

    def predict(self, x, verbose):
        return self.answers


def test_scores_are_0_for_a_constant_and_1_for_what_is_right():
    labels = np.array([0, 1, 1, 1])
    score = accuracy_share(None, labels, rounded)
    assert score(Answers(labels[:, None])) == 1
    assert score(Answers(np.ones((4, 1)))) == 0
    assert score(Answers(np.full((4, 1), np.nan))) == 0
    assert accuracy_share(None, labels, most_likely)(Answers(np.eye(2)[labels])) == 1
    y = np.array([[1.0], [2], [6]])
    assert explained(None, y)(Answers(y)) == 1
    assert explained(None, y)(Answers(np.full((3, 1), 3))) == pytest.approx(0)
    assert explained(None, y, 5.0)(Answers((y - 3) / 5)) == pytest.approx(1)


def test_a_run_is_recorded_kept_and_judged(tmp_path):
    program = BY_NAME["digits, rmsprop of 1e-7"]
    runs = [cached_run(program, is_faulty, 0, tmp_path) for is_faulty in (True, False)]
    assert runs[0].share < FAILED and runs[0].fails and not runs[0].learns
    assert runs[1].share >= LEARNED and runs[1].learns and not runs[1].fails
    again = cached_run(program, True, 0, tmp_path)
    np.testing.assert_array_equal(again.history["norm"], runs[0].history["norm"])
    text = program_tables(runs)
    assert "1 failing runs of 1 faulty programs, 1 runs of repaired ones" in text
    assert "| deepxor | 1.00 (0.21-1.00) | 0.00 (0.00-0.79) | 1.00" in text
