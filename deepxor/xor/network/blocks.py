"""Divides replicas among the processor's cores; loads no TensorFlow."""

from __future__ import annotations

import math

# The most replicas of a block, so that weights and activations stay in a core's cache.
MAX_IN_BLOCK = 512


def block_sizes(replicas: int) -> list[int]:
    """Returns the number of replicas of each block.

    Blocks are trained at the same time. The number of blocks is even, for two or more
    cores. Few replicas stay in one block, since each operation of a step has a fixed
    cost.

    Args:
        replicas: The number R of replicas.

    Returns:
        The sizes of the blocks, at most `MAX_IN_BLOCK` each; they are the same on every
        machine.
    """
    if replicas < MAX_IN_BLOCK // 2:
        return [replicas]
    count = 2 * math.ceil(replicas / (2 * MAX_IN_BLOCK))
    return [replicas // count + (i < replicas % count) for i in range(count)]


def thread_count(replicas: int) -> int:
    """Returns the number of threads with which TensorFlow trains replicas best.

    The loop of a single block is too small to be divided: one thread is faster, and
    leaves the other cores to the writer of summaries.

    Args:
        replicas: The number R of replicas.

    Returns:
        1, or 0 for one thread a core: the argument of `console.app.load_tensorflow`.
    """
    return 1 if len(block_sizes(replicas)) == 1 else 0
