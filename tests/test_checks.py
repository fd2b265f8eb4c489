"""The checks of arguments and the form of their messages."""

import math

import numpy as np
import pytest

from deepxor.checks import check_at_least, check_choice, check_positive, refuse


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
