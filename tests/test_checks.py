"""The checks of arguments and the form of their messages."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deepxor
from deepxor.checks import (
    check_at_least,
    check_choice,
    check_local_folder,
    check_positive,
    refuse,
    shortened,
)


def message(check, *arguments):
    with pytest.raises(ValueError) as caught:
        check("width", *arguments)
    return str(caught.value)


def test_a_message_names_the_argument_what_it_must_be_and_the_value():
    expected = "`width` must be even. Received: width=3"
    assert message(refuse, 3, "even") == expected


def test_a_message_is_one_line_whatever_came():
    assert "\n" in repr(np.eye(3))
    assert "\n" not in message(refuse, np.eye(3), "a number")


@pytest.mark.parametrize("value", ["c", "", "a, b", 1, None, ["a"]])
def test_what_is_none_of_the_choices_is_refused(value):
    check_choice("width", "a", ("a", "b"))
    expected = f"`width` must be one of a, b. Received: width={value!r}"
    assert message(check_choice, value, ("a", "b")) == expected


def test_what_is_too_small_is_refused():
    check_at_least("width", 2, 2)
    expected = "`width` must be at least 2. Received: width=1"
    assert message(check_at_least, 1, 2) == expected


@pytest.mark.parametrize("value", [0, -1.5, math.inf, math.nan])
def test_what_is_not_positive_and_finite_is_refused(value):
    check_positive("width", 1e-300)
    expected = f"`width` must be a finite number above 0. Received: width={value!r}"
    assert message(check_positive, value) == expected


@pytest.mark.parametrize("path", ["gs://x", Path("gs://x"), "s3://a/b", "", "a\0b"])
def test_the_address_of_something_elsewhere_is_no_local_folder(path, tmp_path):
    with pytest.raises(
        ValueError, match=r"`logdir` must be a local folder\. Received: "
    ):
        check_local_folder("logdir", path)


@pytest.mark.parametrize("path", ["C:/x", "./gs:/x", "a:b", "/", ".", Path("a//b")])
def test_a_local_folder_may_have_any_name(path):
    check_local_folder("logdir", path)


def test_an_experiment_is_trained_into_a_local_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="Received: logdir='gs"):
        deepxor.train_experiment(deepxor.Experiment(num_steps=1), "gs://x")
    assert not any(tmp_path.iterdir())


@given(st.text(max_size=50), st.integers(2, 20))
def test_a_long_text_keeps_its_ends(text, most):
    short = shortened(text, most)
    if len(text) <= most:
        assert short == text
    else:
        half = most // 2
        assert short[:half] == text[:half] and short[-half:] == text[-half:]
        assert f"({len(text) - 2 * half} more letters)" in short


def test_a_number_that_python_does_not_write_is_refused_by_its_size():
    with pytest.raises(ValueError, match="Received: x=int of 20001 bits"):
        refuse("x", 1 << 20_000, "small")
    with pytest.raises(ValueError, match="Received: x=tuple, too long"):
        refuse("x", (1 << 20_000,), "small")
