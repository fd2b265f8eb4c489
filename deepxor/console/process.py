"""The process of a command: its name, its streams, and the signals that end it.

A command imports this before everything else that takes time, and calls `begin`. So
there is nothing here that takes long to import.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import PurePath
from types import FrameType
from typing import Any, NoReturn

from deepxor.checks import MOST_LETTERS, shortened

# What a command says about the signal that ended it.
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}

# How soon a signal is looked at again that came while it could not be raised.
SECONDS_AGAIN = 0.05

# Modules whose code would swallow an exception, or whose processes and pipes would stay
# half made, by what their names begin with.
UNSAFE = (
    "importlib._bootstrap",
    "_frozen_importlib",
    "multiprocessing",
    "concurrent.futures.process",
)

# What Python and the system say if there is no memory.
NO_MEMORY = "failed to map segment|[Cc]annot allocate memory|can't start new thread"

_SHOW_CURSOR = b"\x1b[?25h"

# What a stream does with a letter that its encoding lacks.
_ESCAPED = "backslashreplace"


def command_name() -> str:
    """Returns the name of the command, as in deepxor.train."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    # A file that is run by its path has none; its name may have been replaced since.
    name = PurePath(sys.argv[0]).name.removesuffix(".py")
    return f"deepxor.{name.removeprefix('deepxor.')}"


def begin() -> None:
    """Begins a command, as its first instruction.

    Streams that are closed become empty ones, and what a stream's encoding lacks is
    escaped. From here on SIGINT and SIGTERM end the process with one line, whatever it
    imports or computes.
    """
    _open_streams()
    sys.excepthook = _say
    SIGNALS.catch()


class Signals:
    """Ends the process on SIGINT and SIGTERM, with one line and 128 plus the number.

    The process ends at once, and no exception is raised for it, as an import or a
    destructor might swallow one or turn it into another. So whatever is written to the
    disk must bear a kill. The methods are for the parts of a command that need more.

    Attributes:
        number: The number of the first signal that came; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._stderr = 2
        self._is_held = False
        self._is_raised = False

    def catch(self) -> None:
        """Begins to handle the signals, but for those that are ignored."""
        # The descriptor stays standard error even while 2 is held back.
        self._stderr = os.dup(2)
        for number in WORDS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def ignore(self) -> None:
        """Begins to ignore the signals, as all is done and the process is ending."""
        for number in WORDS:
            if signal.getsignal(number) == self._receive:
                signal.signal(number, signal.SIG_IGN)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Lets a signal wait until the context ends, for what is to be done whole.

        A second signal ends the process at once.
        """
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self.number:
            self._end(self.number)

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Lets a signal raise KeyboardInterrupt, for what has to be cleaned up.

        It is not raised inside of an import or a destructor, or while a process is
        started or ended, but after that. A second signal ends the process at once.
        """
        self._is_raised = True
        try:
            yield
        finally:
            self._is_raised = False
        if self.number:
            self._end(self.number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first = not self.number
        self.number = self.number or number
        if not is_first or not (self._is_held or self._is_raised):
            self._end(self.number)
        if not self._is_held:
            self._raise(frame)

    def _again(self, number: int, frame: FrameType | None) -> None:
        if self._is_raised:
            self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        # Windows has no timers of signals.
        if sys.platform != "win32" and _is_unsafe(frame):
            signal.signal(signal.SIGALRM, self._again)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_AGAIN)
            return
        raise KeyboardInterrupt

    def _end(self, number: int) -> NoReturn:
        text = f"{command_name()}: {WORDS[signal.Signals(number)]}\n"
        with contextlib.suppress(OSError):
            # A bar may have hidden the cursor, and a line may not have ended.
            if os.isatty(1):
                os.write(1, _SHOW_CURSOR)
            if os.isatty(self._stderr):
                text = "\n" + text
            os.write(self._stderr, text.encode())
        os._exit(128 + number)


SIGNALS = Signals()


def _is_unsafe(frame: FrameType | None) -> bool:
    """Returns whether an exception must not be raised at a place in the code."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_name == "__del__" or module.startswith(UNSAFE):
            return True
        frame = frame.f_back
    return False


def _open_streams() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Else the next file that is opened would take its place, and output.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, descriptor in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream: Any = getattr(sys, name)
        if stream is None:
            mode = "w" if descriptor else "r"
            stream = os.fdopen(descriptor, mode, errors=_ESCAPED, closefd=False)
            setattr(sys, name, stream)
        elif descriptor and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def discard(descriptor: int) -> None:
    """Lets all that is still to be written to a broken stream vanish.

    Args:
        descriptor: The stream's, which Python would flush at its end, with an error.
    """
    empty = os.open(os.devnull, os.O_WRONLY)
    os.dup2(empty, descriptor)
    os.close(empty)


def complain(message: str) -> None:
    """Writes one line on standard error, with the command's name before it.

    Args:
        message: The line. What cannot be printed is escaped, and if it is very long,
            its middle is left out.
    """
    line = visible(shortened(message, MOST_LETTERS))
    try:
        print(f"{command_name()}: {line}", file=sys.stderr, flush=True)
    except OSError:  # nobody can be told
        discard(2)


def complain_of_machine(error: BaseException) -> bool:
    """Writes a line about an error that is the machine's fault and not the program's.

    Args:
        error: The error.

    Returns:
        Whether there was no room for an array, a library or a thread, or a package
        cannot be imported; otherwise nothing is written.
    """
    no_memory = (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's
        or re.search(NO_MEMORY, str(error)) is not None
    )
    if no_memory:
        complain(f"not enough memory: {one_line(error)}")
    elif isinstance(error, ImportError):
        complain(f"a package cannot be imported: {one_line(error)}")
    return no_memory or isinstance(error, ImportError)


def visible(text: str) -> str:
    """Returns a text in which characters that cannot be printed are escaped.

    Args:
        text: The text.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def one_line(error: BaseException) -> str:
    """Returns the message of an error in one line; its class if there is none.

    Args:
        error: The error.
    """
    lines = (line.strip() for line in str(error).split("\n"))
    return " ".join(filter(None, lines)) or type(error).__name__


def _say(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Writes about an error that has ended an import of the command itself."""
    if not complain_of_machine(error):
        sys.__excepthook__(kind, error, trace)
