"""What every command shares: flags, and errors of one line."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from absl import app, flags

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


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Parses the flags, runs `main` and exits with the status that it returns.

    An error becomes one line on standard error and an exit status: 2 for a wrong flag
    and for a ValueError before TensorFlow is loaded, 1 for a RunError and an OSError,
    130 for SIGINT and 143 for SIGTERM.

    Args:
        main: A function of the program's name and the arguments that are not flags,
            which returns the exit status.
    """
    _name_command()
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    app.run(lambda argv: _guard(main, argv), flags_parser=_parse)


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


def _name_command() -> None:
    """Makes help and errors name the command, as in deepxor.train, and not its file."""
    path, spec = sys.argv[0], sys.modules["__main__"].__spec__
    # There is no spec if a file is run by its path.
    name = f"deepxor.{Path(path).stem}" if spec is None else spec.name
    sys.argv[0] = name.removesuffix(".__main__")
    by_module = flags.FLAGS.flags_by_module_dict()
    by_module[sys.argv[0]] = by_module.pop(path, [])


def _parse(argv: Sequence[str]) -> list[str]:
    try:
        arguments = flags.FLAGS(argv)
    except flags.IllegalFlagValueError as error:
        _fail(_illegal_value(error), 2)
    except flags.Error as error:
        _fail(_first_line(error), 2)
    except SystemExit:  # absl exits with status 1 after --help
        sys.exit(0)
    if flags.FLAGS["log_dir"].present:  # one of absl's own
        _fail("`--log_dir` must be written --logdir. Received: --log_dir", 2)
    return arguments


def _illegal_value(error: flags.IllegalFlagValueError) -> str:
    """Returns the message of a flag whose value its parser does not take."""
    message = _first_line(error)
    flag = re.match(r"flag --(\w+)=", message)
    if flag is None:
        return message
    parser, reason = flags.FLAGS[flag[1]].parser, f": {error.__context__}"
    value = message[flag.end() :].removesuffix(" ".join(reason.split()))
    if isinstance(parser, flags.EnumParser):
        allowed = f"one of {', '.join(parser.enum_values)}"
    else:
        allowed = parser.syntactic_help or "true or false"
    return f"`--{flag[1]}` must be {allowed}. Received: --{flag[1]}={value}"


def _guard(main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    # This is not imported at the top, as --help does not need it.
    from deepxor.runs.folder import RunError

    try:
        return main(argv)
    except ValueError as error:
        if "tensorflow" in sys.modules:
            raise  # flags have been checked, so this is a bug
        _fail(_first_line(error), 2)
    except RunError as error:
        _fail(_first_line(error), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or _first_line(error)}", 1)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    return 1


def _fail(message: str, status: int) -> None:
    print(f"{sys.argv[0]}: {message}", file=sys.stderr)
    sys.exit(status)


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _terminate(number: int, frame: object) -> None:
    _fail("terminated", 128 + number)
