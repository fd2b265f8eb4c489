"""The division of replicas into blocks for the cores; no TensorFlow."""

from __future__ import annotations

import math

# The weights and activations of a block of this many replicas stay in a core's cache.
MAX_IN_BLOCK = 512


def block_sizes(replicas: int) -> list[int]:
    """Returns the number of replicas of each block.

    Blocks are trained at the same time. Their number is even, for two or more cores.
    Few replicas stay in one block, as each operation of a step has a cost of its own.

    Args:
        replicas: R, the number of networks.

    Returns:
        The sizes, at most `MAX_IN_BLOCK` each; they are the same on every machine.

    Example:
        >>> block_sizes(100), block_sizes(1001)
        ([100], [501, 500])
    """
    if replicas < MAX_IN_BLOCK // 2:
        return [replicas]
    count = 2 * math.ceil(replicas / (2 * MAX_IN_BLOCK))
    return [replicas // count + (i < replicas % count) for i in range(count)]


def thread_count(replicas: int) -> int:
    """Returns the number of threads on which TensorFlow trains replicas best.

    The loop of a single block is too small to be divided: one thread is faster, and
    leaves the other cores to the writer of summaries.

    Args:
        replicas: R, the number of networks.

    Returns:
        1 for a single block, else 0, which is one thread a core.
    """
    return 1 if len(block_sizes(replicas)) == 1 else 0
