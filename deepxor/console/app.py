"""What every command shares: flags, errors of one line, and quiet TensorFlow."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags

HIDDEN_UNITS_HELP = (
    "Units of each hidden layer in place of the network's, as in 5,4; empty for none."
)


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Parses flags, runs `main` and exits with the status it returns.

    A wrong flag, or a ValueError before TensorFlow is loaded, becomes one line on
    standard error and exit status 2; a RunError or an OSError, 1; SIGINT and SIGTERM,
    130 and 143.

    Args:
        main: Takes the arguments that are no flags, the program's name first.
    """
    _name_command()
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    app.run(lambda argv: _guard(main, argv), flags_parser=_parse)


def load_tensorflow(threads: int = 1) -> None:
    """Imports TensorFlow as a command needs it: quiet, and by default on one thread.

    Its log lines are silent unless they are errors.

    Args:
        threads: At work at the same time; 0 for one a core. One block of replicas'
            networks is too small to share out; see `xor.network.blocks.thread_count`.

    Some are written before TensorFlow reads its log level, and at the first look for a
    GPU it calls the lack of one an error; both are held back, and shown if it fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # those of replicas need it
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.list_logical_devices()
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def parse_units(text: str) -> tuple[int, ...]:
    """Returns the numbers in a list like "5,4".

    Args:
        text: Integers with commas between; empty for none.

    Returns:
        The integers.

    Raises:
        ValueError: If a part is no integer.
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
        argv: As `main` gets it.

    Raises:
        ValueError: If there is more.
    """
    if len(argv) > 1:
        raise ValueError(
            f"Arguments must be flags, as in --seed=1. Received: {argv[1]!r}"
        )


def _name_command() -> None:
    """Has help and errors name the command, as in deepxor.train, and not its file."""
    path, spec = sys.argv[0], sys.modules["__main__"].__spec__
    # There is no spec where a file is run by its path.
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
    except SystemExit:  # absl leaves --help with status 1
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
    # Not imported above: the plugin and --help need none of it.
    from deepxor.runs.folder import RunError

    try:
        return main(argv)
    except ValueError as error:
        if "tensorflow" in sys.modules:
            raise  # no longer the user's value, but a bug
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
