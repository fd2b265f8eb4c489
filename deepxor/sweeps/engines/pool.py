"""What trains chunks, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from deepxor.sweeps.sweep import Chunk
from deepxor.sweeps.worker import Row

# A function of a chunk that returns the rows of its networks, and can be pickled.
Train = Callable[[Chunk], list[Row]]


@dataclass(frozen=True)
class Pool:
    """Holds what trains chunks.

    Attributes:
        submit: A function of a `Train` and of chunks that begins to train them, and
            returns a future for each.
        is_lost: A function that returns whether futures may never end.
    """

    submit: Callable[[Train, Sequence[Chunk]], dict[Future[list[Row]], Chunk]]
    is_lost: Callable[[], bool]


class Engine(Protocol):
    """Says where chunks are trained."""

    @property
    def loss(self) -> str:
        """What has happened if chunks are lost, to be said to the user."""

    def pool(self, most: int) -> AbstractContextManager[Pool]:
        """Returns a context with a pool, whose work is given up on an error.

        Args:
            most: The number of chunks, as more processes would have no work.

        Raises:
            RunError: If there can be no pool.
        """
