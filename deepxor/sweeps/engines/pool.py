"""What trains chunks, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Pool:
    """Holds what trains chunks.

    Attributes:
        executor: The executor.
        is_lost: A function that returns whether futures may never end.
    """

    executor: Executor
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
