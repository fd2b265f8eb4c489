"""Which steps of a training are records; no imports of ours.

A gradient changes most in the first steps. So records are dense at first and ever rarer
after, up to one every `every` steps.
"""

from __future__ import annotations

import bisect

# Every step up to this one is a record.
DENSE = 32

# After that there are so many records each time that the number of the step doubles.
PER_DOUBLING = 4

# The steps that are records whatever `every` is, up to the largest that TensorBoard's
# charts can show. All powers of two are among them.
EARLY_STEPS: tuple[int, ...] = (
    *range(DENSE),
    *(
        round(DENSE * 2 ** (k / PER_DOUBLING))
        for k in range(PER_DOUBLING * (31 - DENSE.bit_length()) + PER_DOUBLING)
    ),
)

_EARLY = frozenset(EARLY_STEPS)


def is_record(step: int, every: int) -> bool:
    """Returns whether a step is a record.

    Args:
        step: The number of the step, from 0.
        every: The largest number of steps from one record to the next.

    Example:
        >>> [step for step in range(30, 130) if is_record(step, 100)]
        [30, 31, 32, 38, 45, 54, 64, 76, 91, 100, 108, 128]
    """
    return is_regular(step, every) or step in _EARLY


def is_regular(step: int, every: int) -> bool:
    """Returns whether a step is a record of the even grid, which diagnoses look at.

    Args:
        step: The number of the step, from 0.
        every: The largest number of steps from one record to the next.
    """
    return step % every == 0


def is_full(step: int, every: int) -> bool:
    """Returns whether a record has histograms, too, which take longer.

    Args:
        step: The number of the step, from 0.
        every: The largest number of steps from one record to the next.

    Returns:
        Whether the step is a multiple of `every` or a power of two.
    """
    return is_regular(step, every) or is_power_of_two(step)


def is_power_of_two(step: int) -> bool:
    """Returns whether a step is 0, 1, 2, 4, 8 and so on.

    Args:
        step: The number of the step, from 0.
    """
    return step & (step - 1) == 0


def is_pictured(step: int) -> bool:
    """Returns whether a record has a picture: step 0 and the powers of four.

    TensorBoard keeps ten pictures of a series, and drops others at random.

    Args:
        step: The number of the step, from 0.

    Example:
        >>> [step for step in range(300) if is_pictured(step)]
        [0, 1, 4, 16, 64, 256]
    """
    return is_power_of_two(step) and step.bit_length() % 2 == (step > 0)


def next_record(step: int, every: int) -> int:
    """Returns the first record that is not before a step.

    Args:
        step: The number of the step, from 0.
        every: The largest number of steps from one record to the next.
    """
    regular = -(-step // every) * every
    place = bisect.bisect_left(EARLY_STEPS, step)
    return min([regular, *EARLY_STEPS[place : place + 1]])
