"""The truth tables that the networks learn: XOR and its generalisation, parity."""

from __future__ import annotations

import numpy as np


def xor(bits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Returns the whole truth table of XOR over a number of bits (parity).

    Args:
        bits: The number of inputs; 2 is XOR.

    Returns:
        The inputs x in counting order, float32 [2 ** bits, bits]; and the targets y,
        float32 [2 ** bits, 1], which are 1 where the number of ones is odd.

    Example:
        >>> x, y = xor()
        >>> x.tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> y[:, 0].tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    samples = np.arange(2**bits)
    x = (samples[:, None] >> np.arange(bits)[::-1]) & 1
    y = x.sum(axis=1, keepdims=True) % 2
    return x.astype(np.float32), y.astype(np.float32)
