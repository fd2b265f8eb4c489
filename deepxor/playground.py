"""Opens a page that trains deep networks on XOR in the browser.

For example: python -m deepxor.playground
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

from collections.abc import Sequence

from absl import flags

from deepxor.checks import check_local_folder, refuse
from deepxor.console import app
from deepxor.console.playground import export_on_console, serve_on_console

PORT = flags.DEFINE_integer(
    "port", 6007, "Port on localhost that the page is served at; 0 for a free one."
)
BROWSER = flags.DEFINE_boolean("browser", True, "Open the page in the browser.")
EXPORT = flags.DEFINE_string(
    "export",
    "",
    "Write the page into this folder, from which any web server can serve it, and end.",
)


def main(argv: Sequence[str]) -> int:
    """Serves the page on localhost until it is interrupted, or exports it.

    Args:
        argv: The program's name, and nothing else.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    app.check_no_arguments(argv)
    if not 0 <= PORT.value <= 65535:
        refuse("port", PORT.value, "an integer from 0 to 65535")
    if EXPORT.value:
        check_local_folder("export", EXPORT.value)
        return export_on_console(EXPORT.value)
    return serve_on_console(PORT.value, BROWSER.value)


if __name__ == "__main__":
    app.run(main)
