"""What every command shares: flags, and errors of one line."""

from __future__ import annotations

import contextlib
import difflib
import errno
import io
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from absl import app, flags

from deepxor.checks import MOST_LETTERS, shortened
from deepxor.console import process

HIDDEN_UNITS_HELP = (
    "Units of each hidden layer in place of the network's, as in 5,4; empty for none."
)
DEPTH_HELP = "Hidden layers of --width units each, in place of the network's."
WIDTH_HELP = "Units of each of the --depth hidden layers."
WEIGHT_VARIANCE_HELP = (
    "Kernels are normal with this variance divided by the number of inputs, in place "
    "of the initializer: sigma_w^2 of mean-field theory."
)
BIAS_VARIANCE_HELP = "Biases are normal with this variance: sigma_b^2."
RESIDUAL_HELP = (
    "Add each hidden layer's input to its output where both have the same number of "
    "units."
)


def run(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Parses the flags, runs `main` and exits with the status that it returns.

    Args:
        main: A function of the program's name and the arguments that are not flags,
            which returns the exit status.
    """
    _name_command()
    call(lambda: main(parse(sys.argv)))


def call(function: Callable[[], int]) -> NoReturn:
    """Calls a function and exits with the status that it returns.

    An error becomes one line on standard error and an exit status: 2 for a wrong flag
    and for a ValueError before TensorFlow is loaded, 1 for a RunError, an OSError and
    if memory or a package is missing, 130 for SIGINT and 143 for SIGTERM. If nobody
    reads standard output any more, the status is 1, and there is no line.

    Args:
        function: The function.
    """
    try:
        status = _guarded(function)
    finally:
        process.SIGNALS.ignore()
    sys.exit(status)


@contextmanager
def loading(what: str, quiet: bool = False) -> Iterator[None]:
    """Says on a terminal what is being loaded, and wipes the line once it is.

    Imports of TensorFlow take seconds. The line is on standard error, and there is none
    if that is no terminal, as a pipe or a file is to have results and errors only.

    Args:
        what: What is loaded.
        quiet: Whether nothing is said.
    """
    line = f"Loading {what} ..."
    is_shown = sys.stderr.isatty() and not quiet
    if is_shown:
        print(line, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if is_shown:
            # Spaces, as not every terminal knows an escape sequence.
            print(f"\r{' ' * len(line)}\r", end="", file=sys.stderr, flush=True)


def parse_units(text: str) -> tuple[int, ...]:
    """Returns the numbers in a list like "5,4".

    Args:
        text: Integers with commas between them; empty for no integers.

    Returns:
        The integers.

    Raises:
        ValueError: If a part is not an integer.
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ValueError(
            "`hidden_units` must be integers with commas between, as in 5,4. "
            f"Received: hidden_units={text!r}"
        ) from None


def check_no_arguments(argv: Sequence[str]) -> None:
    """Checks that the command line holds nothing but flags.

    Args:
        argv: The program's name and the arguments that are not flags.

    Raises:
        ValueError: If there is such an argument.
    """
    if len(argv) > 1:
        raise ValueError(
            f"Arguments must be flags, as in --seed=1. Received: {argv[1]!r}"
        )


def check_pattern(flag: str, pattern: str) -> None:
    """Checks that a text is a regular expression.

    Args:
        flag: The flag's name, for the message.
        pattern: The text.

    Raises:
        ValueError: If it is not a regular expression, or one that is too large.
    """
    try:
        with warnings.catch_warnings():
            # Python warns of sets that may mean something else one day.
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        received = shortened(repr(pattern), MOST_LETTERS // 2)
        raise ValueError(
            f"`{flag}` must be a regular expression. "
            f"Received: {flag}={received} ({process.one_line(error)})"
        ) from None


class _HelpFlag(flags.BooleanFlag):
    """A flag that prints all flags and ends the command.

    Args:
        name: Its name.
        write: What prints them.
    """

    def __init__(self, name: str, write: Callable[[], None]) -> None:
        super().__init__(name, False, "Print the flags.")
        self._write = write

    def parse(self, argument: str | bool) -> None:
        """Prints the flags, if the value is true."""
        if self._parse(argument):
            self._write()
            raise _HelpPrinted


class _HelpPrinted(Exception):
    """Says that there is nothing left to be done."""


def parse(argv: Sequence[str]) -> list[str]:
    """Parses the flags that deepxor defines, and --help, --helpxml and --flagfile.

    Args:
        argv: The program's name, and the arguments.

    Returns:
        The program's name, and the arguments that are not flags.

    Raises:
        ValueError: If there is another flag, or a value that is not allowed.
    """
    # The flags of libraries, such as absl's own, would do what nobody expects.
    kind: Any = flags.FlagValues  # it has no types
    known = kind()
    known["help"] = _HelpFlag("help", _print_help)
    # For the program that writes the pages of the flags.
    known["helpxml"] = _HelpFlag("helpxml", flags.FLAGS.write_help_in_xml_format)
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if not module.startswith("absl."):
            for flag in defined:
                known[flag.name] = flag
    warned = io.StringIO()
    try:
        with contextlib.redirect_stderr(warned):
            arguments = known(argv)
    except flags.IllegalFlagValueError as error:
        raise ValueError(_illegal_value(error, known)) from None
    except flags.UnrecognizedFlagError as error:
        listed = [name for name in known if name != "helpxml"]
        similar = difflib.get_close_matches(error.flagname, listed, 1)
        hint = f" (did you mean --{similar[0]}?)" if similar else ""
        raise ValueError(
            "Flags must be those that --help lists. Received: "
            f"--{shortened(error.flagname, MOST_LETTERS // 2)}{hint}"
        ) from None
    except (flags.CantOpenFlagFileError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(_bad_flag_file(process.one_line(error))) from None
    except flags.Error as error:
        raise ValueError(process.one_line(error)) from None
    except ValueError as error:
        if "null byte" in str(error):
            raise ValueError(_bad_flag_file("a path with a NUL")) from None
        raise
    if warned.getvalue():  # of a file that includes itself
        raise ValueError(_bad_flag_file(warned.getvalue()))
    flags.FLAGS.mark_as_parsed()
    return arguments


def _print_help() -> None:
    app.usage(shorthelp=True, writeto_stdout=True)


def _name_command() -> None:
    """Makes help and errors name the command, as in deepxor.train, and not its file."""
    path, sys.argv[0] = sys.argv[0], process.command_name()
    by_module = flags.FLAGS.flags_by_module_dict()
    by_module[sys.argv[0]] = by_module.pop(path, [])


def _bad_flag_file(reason: str) -> str:
    reason = " ".join(reason.removeprefix("ERROR:: ").split())
    return f"`--flagfile` must be a text file of flags, in UTF-8. Received: {reason}"


def _illegal_value(error: flags.IllegalFlagValueError, known: flags.FlagValues) -> str:
    """Returns the message of a flag whose value its parser does not take."""
    message = str(error)
    flag = re.match(r"flag --(\w+)=", message)
    if flag is None:
        return process.one_line(error)
    parser = known[flag[1]].parser
    value = message[flag.end() :].removesuffix(f": {error.__context__}")
    if isinstance(parser, flags.EnumParser):
        allowed = f"one of {', '.join(parser.enum_values)}"
    else:
        allowed = parser.syntactic_help or "true or false"
    value = process.visible(shortened(value, MOST_LETTERS // 2))
    return f"`--{flag[1]}` must be {allowed}. Received: --{flag[1]}={value}"


def _guarded(function: Callable[[], int]) -> int:
    """Returns the status of a function, once all it has printed has been written."""
    status = _call(function)
    try:
        sys.stdout.flush()
    except OSError as error:
        process.discard(1)
        if not status:
            status = _failed(error)
    return status


def _call(function: Callable[[], int]) -> int:
    # This is not imported at the top, as --help does not need it.
    from deepxor.runs.folder import RunError

    try:
        status = function()
        if status - 128 in process.WORDS:
            process.complain(process.WORDS[signal.Signals(status - 128)])
        return status
    except _HelpPrinted:
        return 0
    except ValueError as error:
        if "tensorflow" in sys.modules:
            raise  # flags have been checked, so this is a bug
        process.complain(process.one_line(error))
        return 2
    except RunError as error:
        process.complain(process.one_line(error))
    except OSError as error:
        return _failed(error)
    except KeyboardInterrupt:
        number = process.SIGNALS.number or signal.SIGINT
        process.complain(process.WORDS[signal.Signals(number)])
        return 128 + number
    except Exception as error:
        if not process.complain_of_machine(error):
            raise
    return 1


def _failed(error: OSError) -> int:
    # That nobody reads standard output any more is no news to the user.
    if error.errno != errno.EPIPE or error.filename:
        where = f"{error.filename}: " if error.filename else ""
        process.complain(f"{where}{error.strerror or process.one_line(error)}")
    return 1
