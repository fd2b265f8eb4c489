"""How replicas are shared out among cores; loads no TensorFlow."""

from __future__ import annotations

import math

# Replicas of a block whose weights and activations stay in a core's cache.
MAX_IN_BLOCK = 512


def block_sizes(replicas: int) -> list[int]:
    """Returns how many replicas each block has.

    Blocks are trained at the same time. Their number is even, for two or more cores;
    few replicas stay in one, since each operation of a step costs something by itself.

    Args:
        replicas: R.

    Returns:
        At most `MAX_IN_BLOCK` each; the same on every machine.
    """
    if replicas < MAX_IN_BLOCK // 2:
        return [replicas]
    count = 2 * math.ceil(replicas / (2 * MAX_IN_BLOCK))
    return [replicas // count + (i < replicas % count) for i in range(count)]


def thread_count(replicas: int) -> int:
    """Returns on how many threads TensorFlow trains replicas best.

    Args:
        replicas: R.

    Returns:
        As `console.app.load_tensorflow` takes it. The loop of a single block is too
        small to share out: one thread is faster, and leaves the other cores to the
        writer of summaries.
    """
    return 1 if len(block_sizes(replicas)) == 1 else 0
