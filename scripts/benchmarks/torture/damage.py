"""Damages files, as disks, people and programs do."""

from __future__ import annotations

import random
from pathlib import Path


def damage(chance: random.Random, path: Path) -> str:
    """Damages a file in one of the ways of `_WAYS`, or removes it.

    Args:
        chance: The source of chance.
        path: The path of the file.

    Returns:
        What was done.
    """
    way = chance.choice([*_WAYS, "remove"])
    if way == "remove":
        path.unlink()
        return way
    content = path.read_bytes()
    path.write_bytes(_WAYS[way](chance, content))
    return way


def _flip(chance: random.Random, content: bytes) -> bytes:
    place = chance.randrange(len(content))
    return (
        content[:place]
        + bytes([content[place] ^ 1 << chance.randrange(8)])
        + content[place + 1 :]
    )


def _cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def _zero(chance: random.Random, content: bytes) -> bytes:
    """Returns a content with a block of zeros, as after a failure of the power."""
    place = chance.randrange(len(content))
    size = min(chance.choice((16, 512, 4096)), len(content) - place)
    return content[:place] + bytes(size) + content[place + size :]


def _shuffle(chance: random.Random, content: bytes) -> bytes:
    """Returns a content with two blocks that have changed places."""
    size = min(512, len(content) // 4)
    first = chance.randrange(len(content) // 2 - size + 1)
    second = len(content) // 2 + chance.randrange(len(content) // 2 - size + 1)
    blocks = [
        content[:first], content[second : second + size],
        content[first + size : second], content[first : first + size],
        content[second + size :],
    ]  # fmt: skip
    return b"".join(blocks)


def _insert(chance: random.Random, content: bytes) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.randbytes(chance.randint(1, 40)) + content[place:]


def _append(chance: random.Random, content: bytes) -> bytes:
    return content + chance.randbytes(chance.randint(1, 4000))


def _double(chance: random.Random, content: bytes) -> bytes:
    return content + content


def _replace(chance: random.Random, content: bytes) -> bytes:
    return chance.randbytes(chance.randint(0, 4000))


_WAYS = {
    "flip a bit": _flip,
    "cut": _cut,
    "zeros": _zero,
    "swap blocks": _shuffle,
    "insert": _insert,
    "append": _append,
    "double": _double,
    "replace": _replace,
}
