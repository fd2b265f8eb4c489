"""What to type and to open once a command has written its runs."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

# Where TensorBoard listens if nothing else does.
ADDRESS = "http://localhost:6006/"


def print_tensorboard(
    console: Console, logdir: str, tab: str = "gradient_flow"
) -> None:
    """Prints the command that shows a logdir, and the address to open then.

    Neither line is folded, so that it can be copied.

    Args:
        console: The console.
        logdir: The logdir as the user gave it.
        tab: The tab to open.
    """
    command = f"Next: tensorboard --logdir {shlex.quote(logdir)}"
    for line in (command, f"then open {ADDRESS}#{tab}"):
        console.print(Text(line), soft_wrap=True)
