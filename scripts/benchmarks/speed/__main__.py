"""Measures what a training step costs, next to plain C and other frameworks.

For example: scripts/bench --markdown

Whatever is compared is measured in turns, round after round, so that a machine that
slows down for a while slows all of it. Times are medians over the rounds; ratios are
medians of each round's ratio. The setting is the lecture's network, 2-5-...-5-1 with
eleven layers of sigmoids, on the whole truth table, by gradient descent.
"""

from __future__ import annotations

import datetime
import itertools
import json
import multiprocessing
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from absl import flags
from rich.table import Table

import deepxor
from deepxor.console import app
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.blocks import MOST_IN_BLOCK, thread_count
from deepxor.xor.run import Run

if TYPE_CHECKING:
    import keras

ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds of measurement.", lower_bound=1)
ONLY = flags.DEFINE_enum(
    "only",
    "",
    ["", "step", "instrument", "monitor", "again", "command", "thousand", "tab"],
    "One table.",
)
QUICK = flags.DEFINE_boolean("quick", False, "One round of a few steps: a smoke test.")
MARKDOWN = flags.DEFINE_boolean("markdown", False, "Print Markdown tables.")
PEER_PYTHON = flags.DEFINE_string(
    "peer_python", sys.executable, "The interpreter that runs PyTorch and JAX."
)

FOLDER = Path(__file__).resolve().parent
LOG_EVERY = 1000
LEARNING_RATE = 0.1
UNITS = (2, *Experiment(network="lecture").hidden, 1)
LECTURE = Experiment(network="lecture", activation="sigmoid")
DEFAULT_RELU = Experiment(activation="relu")

C_LOOP = "C loop, 1 network"
C_STEPS = 300_000
# About a second each, so that starting a batch does not count.
DEEPXOR_STEPS = {
    1: 100_000,
    64: 20_000,
    128: 15_000,
    256: 12_000,
    1024: 4_000,
    10_000: 400,
}
KERAS_STEPS = 1_000
TORCH_STEPS = 1_000
STEPS_PER_EXECUTION = 100
SUMMARY_EVERY = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        microseconds: Of a step of one network.
        remark: What else there is to say; the table shows that of the last round.
    """

    microseconds: float
    remark: str = ""


Measure = Callable[[], Sample | None]


@dataclass(frozen=True)
class Report:
    """A table to print.

    Attributes:
        title: Stands above it.
        headings: Of its columns.
        rows: Cells, as many as headings.
        note: Stands below it.
    """

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str


class Clock:
    """Times a Keras `fit` from the end of its first batch, which compiles.

    A second fit would not do: the monitor has the step traced anew by each.
    """

    def __init__(self) -> None:
        self._batch_ends: list[float] = []
        self.end = 0.0

    @property
    def first(self) -> float:
        """When the first batch had ended, by `time.perf_counter`."""
        return self._batch_ends[0]

    @property
    def batches(self) -> float:
        """Seconds from the end of the first batch to the end of the last."""
        return self._batch_ends[-1] - self.first

    @property
    def to_end(self) -> float:
        """Seconds from the end of the first batch until every callback has ended."""
        return self.end - self.first

    def callback(self) -> keras.callbacks.Callback:
        """Returns the callback to pass to `fit`, as the last of all."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_batch_end=self._end_batch, on_train_end=self._end_all
        )

    def _end_batch(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._batch_ends.append(time.perf_counter())

    def _end_all(self, logs: Mapping[str, float] | None = None) -> None:
        self.end = time.perf_counter()


def in_turns(
    title: str, measures: Mapping[str, Callable[[], T]], rounds: int
) -> dict[str, list[T]]:
    """Measures everything once a round.

    Args:
        title: Names it in the lines of progress on standard error.
        measures: By name, in the order of measurement.
        rounds: How often.

    Returns:
        The measurements of every name, one a round.
    """
    results: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        begin = time.perf_counter()
        for name, measure in measures.items():
            results[name].append(measure())
        seconds = time.perf_counter() - begin
        print(f"{title}: round {number} of {rounds}, {seconds:.0f} s", file=sys.stderr)
    return results


# --- What a step costs --------------------------------------------------------------


def compile_c(folder: Path, hidden: int) -> Path | None:
    """Compiles the C loop.

    Args:
        folder: Where the program is put.
        hidden: The number of hidden layers.

    Returns:
        The program; None where there is no C compiler.
    """
    if shutil.which("cc") is None:
        return None
    program = folder / f"xor_loop_{hidden}"
    options = ["-O3", "-march=native", "-ffast-math", f"-DHIDDEN={hidden}"]
    source = FOLDER / "xor_loop.c"
    subprocess.run(["cc", *options, source, "-o", program, "-lm"], check=True)
    return program


def run_c(program: Path, steps: int) -> tuple[float, float]:
    """Runs the C loop; returns microseconds per step, and the cost it ends with."""
    output = _output([str(program), "1", str(steps)]).split()
    return float(output[0]), float(output[1])


def check_c(folder: Path) -> None:
    """Makes sure that the C loop really trains.

    The lecture's network does not learn, so the same code has to with one hidden layer.

    Raises:
        RuntimeError: If it does not.
    """
    program = compile_c(folder, 1)
    if program is not None:
        _, cost = run_c(program, 20_000)
        if not cost < 0.1:
            raise RuntimeError(f"xor_loop.c does not learn: cost {cost}")


def measure_c(program: Path | None, steps: int) -> Sample | None:
    """Measures the C loop; None where it could not be compiled."""
    if program is None:
        return None
    microseconds, cost = run_c(program, steps)
    return Sample(microseconds, f"cost {cost:.4f} after {steps:,} steps")


def measure_deepxor(replicas: int, steps: int) -> Sample:
    """Measures networks of the lab side by side, every step's norms recorded."""
    import keras

    from deepxor.xor.monitor.callback import ReplicaMonitor
    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    keras.utils.clear_session()
    experiment = Experiment(
        network="lecture",
        activation="sigmoid",
        learning_rate=LEARNING_RATE,
        num_steps=steps,
        log_every=LOG_EVERY,
        replicas=replicas,
    )
    clock = Clock()
    monitor = ReplicaMonitor(every=LOG_EVERY)
    fit(build(experiment), experiment, [monitor, clock.callback()])
    # The first batch is the one step of the first record.
    return Sample(clock.batches / (steps - 1) / replicas * 1e6)


def measure_deepxor_alone(replicas: int, steps: int) -> Sample:
    """Measures as `measure_deepxor` in a new process, and its peak of memory."""
    return _in_new_process(partial(_deepxor_and_peak, replicas, steps))


def _deepxor_and_peak(replicas: int, steps: int) -> Sample:
    _load_tensorflow(thread_count(replicas))
    sample = measure_deepxor(replicas, steps)
    # Not getrusage: its ru_maxrss starts from what the parent process took.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return Sample(sample.microseconds, f"peak memory {int(kilobytes) / 2**20:.2f} GiB")


def measure_keras(steps: int, steps_per_execution: int) -> Sample:
    """Measures Keras `fit` of ordinary layers on a repeated `tf.data` set."""
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    dense = partial(keras.layers.Dense, activation="sigmoid")
    model = keras.Sequential(
        [
            keras.Input(UNITS[:1]),
            *(
                dense(n, kernel_initializer=keras.initializers.RandomUniform(-1, 1))
                for n in UNITS[1:]
            ),
        ]
    )
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE),
        "binary_crossentropy",
        steps_per_execution=steps_per_execution,
    )
    clock = Clock()
    model.fit(
        tf.data.Dataset.from_tensors(xor()).repeat(),
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[clock.callback()],
    )
    return Sample(clock.batches / (steps - steps_per_execution) * 1e6)


def measure_function(steps: int) -> Sample:
    """Measures a loop of calls of a `tf.function`, one a step."""
    import tensorflow as tf

    x, y = map(tf.constant, xor())
    layers = [
        (
            tf.Variable(tf.random.uniform([inputs, units], -1.0, 1.0)),
            tf.Variable(tf.zeros([units])),
        )
        for inputs, units in itertools.pairwise(UNITS)
    ]
    weights = [weight for layer in layers for weight in layer]

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            h = x
            for kernel, bias in layers:
                logits = h @ kernel + bias
                h = tf.sigmoid(logits)
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(y, logits)
            cost = tf.reduce_mean(entropy)
        gradients = tape.gradient(cost, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(LEARNING_RATE * gradient)
        return cost

    return _measure_loop(lambda number: step(), steps)


def measure_session(folder: Path, steps: int) -> Sample:
    """Measures TensorFlow 1's way: a session, and a summary now and then."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), tempfile.TemporaryDirectory(dir=folder) as log_dir:
        train, summary = _session_graph()
        # One thread, as the front doors set it for all else here.
        config = v1.ConfigProto(intra_op_parallelism_threads=1)
        with v1.Session(config=config) as session:
            writer = v1.summary.FileWriter(log_dir)
            session.run(v1.global_variables_initializer())

            def step(number: int) -> None:
                if number % SUMMARY_EVERY:
                    session.run(train)
                else:
                    _, content = session.run([train, summary])
                    writer.add_summary(content, number)

            sample = _measure_loop(step, steps)
            writer.close()
    return sample


def _session_graph() -> tuple[Any, Any]:
    """Returns the step and the summaries of the lecture's program."""
    import tensorflow as tf

    v1 = tf.compat.v1
    x, y = map(tf.constant, xor())
    h = x
    for number, (inputs, units) in enumerate(itertools.pairwise(UNITS), start=1):
        with tf.name_scope(f"layer{number}"):
            kernel = v1.Variable(tf.random.uniform([inputs, units], -1.0, 1.0))
            bias = v1.Variable(tf.zeros([units]))
            logits = h @ kernel + bias
            h = tf.sigmoid(logits)
            v1.summary.histogram("weights", kernel)
            v1.summary.histogram("biases", bias)
            v1.summary.histogram("outputs", h)
    cost = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, logits))
    v1.summary.scalar("cost", cost)
    train = v1.train.GradientDescentOptimizer(LEARNING_RATE).minimize(cost)
    return train, v1.summary.merge_all()


def _measure_loop(step: Callable[[int], object], steps: int) -> Sample:
    """Measures a Python loop, but for step 0, which compiles."""
    step(0)
    begin = time.perf_counter()
    for number in range(1, steps + 1):
        step(number)
    return Sample((time.perf_counter() - begin) / steps * 1e6)


def measure_peer(python: str, name: str, steps: int) -> Sample | None:
    """Measures another framework; None where it is not installed.

    Args:
        python: The interpreter that may have it.
        name: A key of `PEERS` in peers.py.
        steps: Steps to time.
    """
    program = str(FOLDER / "peers.py")
    result = json.loads(_output([python, program, name, str(steps)]))
    if not result:
        return None
    return Sample(result["microseconds"], f"version {result['version']}")


def speed_rows(folder: Path, python: str) -> dict[str, Measure]:
    """Returns what the table of speed measures, by name."""
    rows: dict[str, Measure] = {
        C_LOOP: partial(measure_c, compile_c(folder, len(UNITS) - 2), C_STEPS)
    }
    for replicas, steps in DEEPXOR_STEPS.items():
        name = f"deepxor, {replicas:,} network{'s' if replicas > 1 else ''}"
        rows[name] = partial(measure_deepxor_alone, replicas, steps)
    several = STEPS_PER_EXECUTION
    rows |= {
        "Keras fit": partial(measure_keras, KERAS_STEPS, 1),
        f"Keras fit, steps_per_execution={several}": partial(
            measure_keras, 3 * KERAS_STEPS, several
        ),
        "TensorFlow, a tf.function a step": partial(measure_function, 2 * KERAS_STEPS),
        f"TensorFlow 1 session, summary each {SUMMARY_EVERY} steps": partial(
            measure_session, folder, 2 * KERAS_STEPS
        ),
        "PyTorch, eager": partial(measure_peer, python, "torch", TORCH_STEPS),
        "JAX, fori_loop": partial(measure_peer, python, "jax", 20_000),
        "JAX, fori_loop of vmap over 1,000 networks": partial(
            measure_peer, python, "jax_vmap", 50
        ),
    }
    return rows


def quick_speed_rows(folder: Path, python: str) -> dict[str, Measure]:
    """Returns a few rows of few steps, one of each kind."""
    return {
        C_LOOP: partial(measure_c, compile_c(folder, len(UNITS) - 2), 10_000),
        "deepxor, 1 network": partial(measure_deepxor, 1, 5_001),
        "deepxor, 64 networks": partial(measure_deepxor, 64, 1_001),
        "Keras fit": partial(measure_keras, 50, 1),
        "TensorFlow, a tf.function a step": partial(measure_function, 50),
        "TensorFlow 1 session, summary each 100 steps": partial(
            measure_session, folder, 200
        ),
        "PyTorch, eager": partial(measure_peer, python, "torch", 50),
    }


def speed_report(rows: Mapping[str, Measure], rounds: int) -> Report:
    """Measures a step of one network, everywhere."""
    samples = in_turns("a step", rows, rounds)
    c = samples[C_LOOP]
    cells = [(name, *_speed_cells(values, c)) for name, values in samples.items()]
    return Report(
        "One training step of one network",
        ("", "us", "lowest - highest", "/ C", ""),
        cells,
        "The C loop and deepxor record the gradient norm of every layer at every step, "
        f"deepxor with ReplicaMonitor(every={LOG_EVERY}) in memory; the others record "
        f"none. deepxor uses one core for up to {MOST_IN_BLOCK // 2 - 1} networks and "
        "then all, the C loop one. Steady state: without the first batch or step, "
        "which compiles.",
    )


def _speed_cells(
    samples: Sequence[Sample | None], c: Sequence[Sample | None]
) -> tuple[str, ...]:
    pairs = [
        (a.microseconds, b and b.microseconds)
        for a, b in zip(samples, c, strict=True)
        if a is not None
    ]
    if not pairs:
        return "-", "-", "-", "not installed"
    times = [a for a, _ in pairs]
    ratios = [a / b for a, b in pairs if b]
    return (
        _number(median(times)),
        f"{_number(min(times))} - {_number(max(times))}",
        _number(median(ratios)) if ratios else "-",
        samples[-1].remark if samples[-1] else "",
    )


# --- What the instrument costs ------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """Seconds of one whole training.

    Attributes:
        steady: From the end of the first batch until every callback has ended.
        whole: From the building of the model to the last byte written.
    """

    steady: float
    whole: float


def train_bare(experiment: Experiment) -> Training:
    """Trains with nothing recorded."""
    import keras

    from deepxor.xor.network.build import build
    from deepxor.xor.train import fit

    keras.utils.clear_session()
    clock = Clock()
    begin = time.perf_counter()
    fit(build(experiment), experiment, [clock.callback()])
    return Training(clock.to_end, time.perf_counter() - begin)


def train_recorded(folder: Path, experiment: Experiment) -> Training:
    """Trains with everything written, as `python -m deepxor.train` does."""
    import keras

    from deepxor.xor.train import train

    keras.utils.clear_session()
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        begin = time.perf_counter()
        run = Run.create(logdir, experiment)
        try:
            if train(run, [clock.callback()]) is not None:
                raise KeyboardInterrupt
        finally:
            run.close()
        return Training(clock.to_end, time.perf_counter() - begin)


def train_alone(
    experiment: Experiment, train: Callable[[Experiment], Training]
) -> Training:
    """Trains in a new process, as a command does; in an old one tracing is slower."""
    return _in_new_process(partial(_load_and_train, experiment, train))


def _load_and_train(
    experiment: Experiment, train: Callable[[Experiment], Training]
) -> Training:
    _load_tensorflow(thread_count(experiment.replicas))
    return train(experiment)


def instrument_report(
    experiments: Sequence[Experiment], folder: Path, rounds: int
) -> Report:
    """Compares trainings with everything written to the same with nothing."""
    cells = []
    for experiment in experiments:
        name = f"{experiment.network}, {experiment.activation}"
        measures = {
            "bare": partial(train_alone, experiment, train_bare),
            "recorded": partial(
                train_alone, experiment, partial(train_recorded, folder)
            ),
        }
        times = in_turns(f"the instrument, {name}", measures, rounds)
        for label, attribute in (
            ("after the first batch", "steady"),
            ("whole, compilation included", "whole"),
        ):
            bare, recorded = (
                [getattr(training, attribute) for training in times[key]]
                for key in measures
            )
            ratios = [b / a for a, b in zip(bare, recorded, strict=True)]
            cells.append(
                (
                    f"{name}: {label}",
                    _number(median(bare)),
                    _number(median(recorded)),
                    _number(median(ratios)),
                    f"{_number(min(ratios))} - {_number(max(ratios))}",
                )
            )
    first = experiments[0]
    return Report(
        f"The instrument: {first.num_steps:,} steps of {first.replicas} networks",
        ("", "bare, s", "everything written, s", "ratio", "lowest - highest"),
        cells,
        f"Bare: fit without a callback. Written: a record every {first.log_every} "
        "steps, every step's norms, the run's folder; pending writes are waited for. "
        "Each training in a process of its own.",
    )


def monitor_report(rounds: int) -> Report:
    """Compares `fit` of ordinary models with and without the monitor."""
    from scripts.benchmarks.speed import monitor

    # What one model leaves in memory changes what the next one takes.
    rows = monitor.monitor_rows(
        lambda name, is_compiled: _in_new_process(
            partial(_load_and_compare, name, is_compiled, rounds)
        )
    )
    title, headings = monitor.TITLE, monitor.HEADINGS
    return Report(title, headings, rows, monitor.NOTE)


def again_report(rounds: int) -> Report:
    """Compares one more `fit` of models that have been fitted before."""
    from scripts.benchmarks.speed import monitor

    rows = monitor.monitor_rows(
        lambda name, is_compiled: _in_new_process(
            partial(_load_and_compare_again, name, is_compiled, rounds)
        )
    )
    title, headings = monitor.AGAIN_TITLE, monitor.AGAIN_HEADINGS
    return Report(title, headings, rows, monitor.AGAIN_NOTE)


def _load_and_compare_again(
    name: str, is_compiled: bool, rounds: int
) -> dict[str, float]:
    _load_tensorflow(0)
    from scripts.benchmarks.speed import monitor

    return monitor.compare_again(name, is_compiled, rounds)


def _load_and_compare(name: str, is_compiled: bool, rounds: int) -> dict[str, float]:
    _load_tensorflow(0)  # on all cores, as in anybody's `fit`
    from scripts.benchmarks.speed import monitor

    return monitor.compare(name, is_compiled, rounds)


def tab_report(folder: Path, rounds: int) -> Report:
    """Measures TensorBoard's Gradient flow tab on a large logdir."""
    from scripts.benchmarks.speed import tab

    scale = tab.Scale(runs=100, layers=50, records=10_000)
    return Report(
        f"The Gradient flow tab: {scale.runs} runs of {scale.layers} layers and "
        f"{scale.records:,} records",
        ("", ""),
        tab.tab_rows(folder, scale, rounds, in_turns),
        "Once TensorBoard has loaded everything: from the opening of the tab, or the "
        "click, until every heat map is drawn.",
    )


# --- Where the time of a command goes -----------------------------------------------

STAGES = (
    "start of Python, flags",
    "TensorFlow: import, list of devices",
    "Keras, TensorBoard, deepxor: import",
    "build, trace, compile: to the end of the first batch",
    "training, with all records",
    "results, closing the files",
    "end of Python",
)


def time_command(folder: Path) -> float:
    """Returns the seconds of `python -m deepxor.train --activation=relu`."""
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        command = [sys.executable, "-m", "deepxor.train", "--activation=relu"]
        return _time_run([*command, f"--logdir={logdir}"])


def time_import(folder: Path) -> float:
    """Returns the seconds of `import tensorflow`, inside a new process."""
    code = (
        "import time; begin = time.perf_counter(); import tensorflow; "
        "print(time.perf_counter() - begin)"
    )
    # Its log lines would stand between those of progress.
    command = [sys.executable, "-c", code]
    return float(_output(command, stderr=subprocess.DEVNULL))


def time_stages(folder: Path) -> list[float]:
    """Returns the seconds of each of `STAGES` of such a training in a new process."""
    begin = time.perf_counter()
    # Linux counts all processes' time.perf_counter from the same moment.
    moments = [begin, *_in_new_process(partial(_stage_ends, folder))]
    moments.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(moments)]


def _stage_ends(folder: Path) -> list[float]:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as logdir:
        run = Run.create(logdir, DEFAULT_RELU)
        app.load_tensorflow()
        tensorflow = time.perf_counter()
        from deepxor.console.train import train_on_console  # noqa: F401, as the command
        from deepxor.xor.train import train

        imported = time.perf_counter()
        clock = Clock()
        if train(run, [clock.callback()]) is not None:
            raise KeyboardInterrupt
        closed = time.perf_counter()
    return [started, tensorflow, imported, clock.first, clock.end, closed]


def command_report(folder: Path, rounds: int) -> Report:
    """Measures the default command, and the stages of its work."""
    measures: dict[str, Callable[[], Any]] = {
        "command": partial(time_command, folder),
        "import": partial(time_import, folder),
        "stages": partial(time_stages, folder),
    }
    times = in_turns("the command", measures, rounds)
    command, tensorflow = times["command"], times["import"]
    rest = [a - b for a, b in zip(command, tensorflow, strict=True)]
    cells = [
        ("wall time", _number(median(command))),
        ("of it import tensorflow, by itself", _number(median(tensorflow))),
        ("the rest", _number(median(rest))),
    ]
    for name, seconds in zip(STAGES, zip(*times["stages"], strict=True), strict=True):
        cells.append((f"stage: {name}", _number(median(seconds))))
    return Report(
        "python -m deepxor.train --activation=relu",
        ("", "s"),
        cells,
        "The stages are those of the same training in a process of its own.",
    )


# --- A thousand networks against one ------------------------------------------------


def thousand_report(folder: Path, python: str, rounds: int) -> Report:
    """Compares a thousand recorded trainings to one in PyTorch's eager loop."""
    experiment = Experiment(
        network="lecture", activation="sigmoid", replicas=1000, log_every=LOG_EVERY
    )
    steps = experiment.num_steps

    def time_torch() -> float | None:
        sample = measure_peer(python, "torch", steps)
        return None if sample is None else sample.microseconds * steps / 1e6

    measures: dict[str, Callable[[], float | None]] = {
        "deepxor, 1,000 networks": lambda: (
            train_alone(experiment, partial(train_recorded, folder)).whole
        ),
        "PyTorch, eager, 1 network": time_torch,
    }
    times = in_turns("a thousand networks", measures, rounds)
    ours = times["deepxor, 1,000 networks"]
    cells = []
    for name, values in times.items():
        pairs = [(a, b) for a, b in zip(values, ours, strict=True) if a and b]
        if pairs:
            ratio = _number(median(a / b for a, b in pairs))
            cells.append((name, _number(median(a for a, _ in pairs)), ratio))
        else:
            cells.append((name, "not installed", "-"))
    return Report(
        f"{steps:,} steps, from the building of the model to the last byte written",
        ("", "s", "ratio"),
        cells,
        "Imports aside. deepxor compiles, records every step's norms, and writes its "
        f"run, with --log_every={LOG_EVERY}; PyTorch's loop alone.",
    )


# --- Running and printing -----------------------------------------------------------


def machine() -> str:
    """Returns date, processor, cores and versions in one line."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        text = information.read_text(encoding="utf-8")
        cpu = next(iter(re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)), cpu)
    packages = ("tensorflow", "keras", "numpy")
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    if shutil.which("cc"):
        versions.append(_output(["cc", "--version"]).splitlines()[0])
    parts = [
        datetime.date.today().isoformat(),
        cpu,
        f"{len(os.sched_getaffinity(0))} cores",
        f"Python {platform.python_version()}",
        f"deepxor {deepxor.__version__}",
        *versions,
    ]
    return ", ".join(parts)


def print_report(report: Report, is_markdown: bool) -> None:
    """Prints a table, in Markdown or for the console."""
    if is_markdown:
        lines = [f"**{report.title}**", "", _markdown_row(report.headings)]
        lines.append("|---" + "|---:" * (len(report.headings) - 1) + "|")
        lines += [_markdown_row(row) for row in report.rows]
        print("\n".join([*lines, "", report.note, ""]), flush=True)
        return
    # Here, as it imports SciPy, which is a stage of its own in new processes.
    from deepxor.console.tables import make_console

    table = Table(title=report.title, caption=report.note)
    for number, heading in enumerate(report.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in report.rows:
        table.add_row(*row)
    make_console().print(table)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    """Writes about three digits."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"


def _output(command: Sequence[str], stderr: int | None = None) -> str:
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, stderr=stderr
    ).stdout


def _time_run(command: Sequence[str]) -> float:
    begin = time.perf_counter()
    _output(command)
    return time.perf_counter() - begin


def _in_new_process(function: Callable[[], T]) -> T:
    # Not forked: TensorFlow's threads do not survive that.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function).result()


def _load_tensorflow(threads: int = 1) -> None:
    app.load_tensorflow(threads)
    import tensorflow as tf

    # It warns of functions that are traced often, as those of so many models are.
    tf.get_logger().setLevel("ERROR")


def main(argv: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    if len(argv) > 1:
        raise ValueError(f"argument {argv[1]!r}: allowed are flags only")
    is_quick, is_markdown, python = QUICK.value, MARKDOWN.value, PEER_PYTHON.value
    rounds = 1 if is_quick else ROUNDS.value
    print(f"{machine()}; rounds: {rounds}\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_c(folder)
        _load_tensorflow()
        if is_quick:
            rows = quick_speed_rows(folder, python)
            print_report(speed_report(rows, rounds), is_markdown)
            few_steps = [Experiment(activation="relu", num_steps=201)]
            print_report(instrument_report(few_steps, folder, rounds), is_markdown)
            return 0
        reports: dict[str, Callable[[], Report]] = {
            "step": lambda: speed_report(speed_rows(folder, python), rounds),
            "instrument": lambda: instrument_report(
                [DEFAULT_RELU, LECTURE], folder, rounds
            ),
            "monitor": lambda: monitor_report(rounds),
            "again": lambda: again_report(rounds),
            "command": lambda: command_report(folder, rounds),
            "thousand": lambda: thousand_report(folder, python, rounds),
            "tab": lambda: tab_report(folder, rounds),
        }
        for name, report in reports.items():
            if ONLY.value in ("", name):
                print_report(report(), is_markdown)
    return 0


if __name__ == "__main__":
    app.run(main)
