"""Axes: ranges, factors and lists, and what is none of them."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepxor.sweeps.axis import MAX_VALUES, Axis, check_axes, is_geometric, parse_axis

# Letters of numbers and of ranges come in most texts, so that many are nearly right.
TEXTS = st.text("0123456789.:,=e-+_ logxdepthinfa\n", max_size=30)
PARTS = st.one_of(
    st.integers(-(10**400), 10**400).map(str),
    st.floats().map(repr),
    st.sampled_from(["", "0", "-0.0", "1e-320", "1e400", "nan", "true", "0x1", "²"]),
    st.integers(0, 2000).map("log{}".format),
)


def values(text):
    return parse_axis(f"x={text}").values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2:8:3", (2, 5, 8)),
        ("2:7:3", (2, 5)),
        ("5:5:1", (5,)),
        ("30:2:-7", (30, 23, 16, 9, 2)),
        ("0.1:0.7:0.1", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
        ("1:4:0.25", tuple(1 + i / 4 for i in range(13))),
        ("-0.3:0.3:0.1", (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)),
        ("0.3:0:-0.1", (0.3, 0.2, 0.1, 0.0)),
        ("0.123456789012345:1:1", (0.123456789012345,)),
        ("9223372036854775805:9223372036854775807:1", tuple(2**63 - 3 + i
                                                           for i in range(3))),
        ("0.001:1:log4", (0.001, 0.01, 0.1, 1.0)),
        ("1:0.001:log4", (1.0, 0.1, 0.01, 0.001)),
        ("4:256:log4", (4, 16, 64, 256)),
        ("1:2:log3", (1.0, 1.41421, 2.0)),
        ("1e-300:1e300:log3", (1e-300, 1.0, 1e300)),
        ("0.12345678:0.98765432:log2", (0.12345678, 0.98765432)),
        ("relu, tanh,", ("relu", "tanh")),
        ("true,false", (True, False)),
        ("0.1,1,10", (0.1, 1.0, 10.0)),
        ("-1", (-1,)),
    ],
)  # fmt: skip
def test_values_are_what_is_written(text, expected):
    assert values(text) == expected
    assert [type(value) for value in values(text)] == [type(v) for v in expected]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("depth", "NAME=START:END:STEP"),
        ("=1:2:1", "NAME=START:END:STEP"),
        ("depth=", "at least one value"),
        ("depth=,", "at least one value"),
        ("depth=1:2", "NAME=START:END:STEP"),
        ("depth=1:2:3:4", "NAME=START:END:STEP"),
        ("depth=2:1:1", "Range is empty"),
        ("depth=1:2:-1", "Range is empty"),
        ("depth=1:2:0", "Range is empty"),
        ("depth=1:2000:1", "at most 1000 values"),
        ("depth=0:1:1e-320", "at most 1000 values"),
        (f"depth=0:{10**400}:1", "numbers of at most 1e+300"),
        ("depth=true:5:1", "numbers of at most 1e+300"),
        ("depth=nan:5:1", "numbers of at most 1e+300"),
        ("depth=a:5:1", "numbers of at most 1e+300"),
        ("depth=-1:5:log3", "positive ends"),
        ("depth=1:5:log", "positive ends"),
        ("depth=1:5:log-3", "positive ends"),
        ("depth=1:5:log1", "a count from 2 to 1000"),
        ("depth=1:5:log1001", "a count from 2 to 1000"),
        ("depth=1:1:log2", "each value once. Received: 1 twice"),
        ("depth=1,2,1.0", "each value once. Received: 1.0 twice"),
        ("depth=" + ",".join(map(str, range(1001))), "at most 1000 values"),
    ],
)
def test_what_is_no_axis_is_one_line(text, words):
    with pytest.raises(ValueError) as raised:
        parse_axis(text)
    message = str(raised.value)
    assert words in message and "\n" not in message and "Received" in message


@given(TEXTS)
def test_any_text_is_an_axis_or_a_value_error(text):
    try:
        axis = parse_axis(text)
    except ValueError as error:
        assert str(error)
    else:
        assert len(set(axis.values)) == len(axis.values) <= MAX_VALUES


@given(PARTS, PARTS, PARTS)
def test_any_range_lies_within_its_ends(start, end, step):
    try:
        found = values(f"{start}:{end}:{step}")
    except ValueError as error:
        assert "Received" in str(error)
        return
    low, high = sorted((float(start), float(end)))
    assert low <= min(found) and max(found) <= high
    assert found[0] == float(start) and len(set(found)) == len(found)
    assert list(found) in (sorted(found), sorted(found, reverse=True))


@given(
    st.decimals(-1000, 1000, places=3),
    st.decimals("0.001", 10, places=3),
    st.integers(0, 50),
)
def test_a_range_has_the_decimals_that_one_would_write(start, step, count):
    """Fractions have no rounding, and each value is the float next to its own."""
    end = Fraction(start) + count * Fraction(step)
    found = values(f"{float(start)!r}:{float(end)!r}:{float(step)!r}")
    exact = [Fraction(start) + i * Fraction(step) for i in range(count + 1)]
    assert list(found) == [float(value) for value in exact]


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 30))
def test_factors_are_equal(start, end, count):
    try:
        found = values(f"{start!r}:{end!r}:log{count}")
    except ValueError as error:  # ends so close that six digits do not tell
        assert "once" in str(error) and abs(math.log(end / start)) < 1e-3
        return
    logs = [math.log(value) for value in found]
    steps = [b - a for a, b in itertools.pairwise(logs)]
    assert (found[0], found[-1], len(found)) == (start, end, count)
    assert steps == pytest.approx([math.log(end / start) / (count - 1)] * len(steps),
                                  abs=2e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "is_log"),
    [
        ((1, 2, 4), True),
        ((8, 4, 2, 1), True),
        ((0.001, 0.01, 0.1), True),
        ((1, 2, 3), False),
        ((1, 1, 1), False),
        ((1, 2), False),
        ((0, 1, 10), False),
        ((-1, 1, 10), False),
        ((1e-300, 1e300, 1e-300), False),
        ((10**400, 10**401, 10**402), True),
        ((1, 10, math.inf), False),
        (("relu", "tanh", "elu"), False),
        ((), False),
    ],
)
def test_lists_of_equal_factors_are_logarithmic(listed, is_log):
    assert is_geometric(listed) == is_log


def test_numbers_are_told_from_names_and_truths():
    assert Axis("x", (1, 2.5)).is_numeric
    assert not Axis("x", ("relu", 1)).is_numeric
    assert not Axis("x", (True, False)).is_numeric


def test_a_map_has_one_or_two_axes_of_settings_that_exist():
    depth, width = Axis("depth", (1,)), Axis("width", (1,))
    allowed = ("depth", "width")
    check_axes([depth], allowed)
    check_axes([depth, width], allowed)
    for axes, words in (
        ([], "one or two axes. Received: 0"),
        ([depth, width, depth], "one or two axes. Received: 3"),
        ([depth, depth], "different settings. Received: depth twice"),
        (
            [Axis("dpeth", (1,))],
            "`axis` must be one of depth, width. Received: axis='d",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            check_axes(axes, allowed)
