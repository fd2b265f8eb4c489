"""What to type and to open once a command has written its runs."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

# Where TensorBoard listens if nothing else does, and the tab that opens there.
ADDRESS = "http://localhost:6006/#gradient_flow"


def print_tensorboard(console: Console, logdir: str) -> None:
    """Prints the command that shows a logdir, and the address to open then.

    Neither line is folded, so that it can be copied.

    Args:
        console: The console.
        logdir: The logdir as the user gave it.
    """
    command = f"Next: tensorboard --logdir {shlex.quote(logdir)}"
    for line in (command, f"then open {ADDRESS}"):
        console.print(Text(line), soft_wrap=True)
