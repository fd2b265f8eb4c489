"""The table of the playground: how many steps a browser takes on its two sides.

Both sides train at the same time, each in a worker of its own, as on the page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import deepxor
from scripts.benchmarks.speed.report import Report, number_text
from scripts.benchmarks.speed.timing.rounds import in_turns
from tests.support.static_site import Modules, browser_modules

TRAINING = Path(deepxor.__file__).parent / "web/static/training"

REPLICAS = 100
# Layers, units of each, and the activation.
NETWORKS = ((10, 5, "sigmoid"), (10, 5, "relu"), (10, 10, "sigmoid"), (10, 10, "relu"))

# Milliseconds: what an `advance` may use, the compiler's time to warm up, and the
# measurement.
FRAME, WARM_UP, MEASURED = 33, 1000, 3000

Sides = tuple[float, float]

_TRAIN = """
const sides = [0, 1].map((seed) => {
  const worker = new Worker(given.url, {type: 'module'});
  const send = (message) => new Promise((resolve, reject) => {
    worker.onmessage = ({data}) =>
      data.kind === 'failed' ? reject(new Error(data.message)) : resolve(data);
    worker.onerror = reject;
    worker.postMessage(message);
  });
  return {worker, send, seed};
});
await Promise.all(sides.map(({send, seed}) =>
  send({do: 'build', settings: checkSettings({...given.settings, seed}, {})})));
const train = async ({send}, milliseconds) => {
  const begin = performance.now();
  let answer;
  do {
    answer = await send({do: 'advance', to: Infinity, until: given.frame});
  } while (performance.now() - begin < milliseconds);
  return {step: answer.step, seconds: (performance.now() - begin) / 1000};
};
const both = (milliseconds) =>
  Promise.all(sides.map((side) => train(side, milliseconds)));
const before = await both(given.warmUp);
const after = await both(given.measured);
sides.forEach(({worker}) => worker.terminate());
return after.map(({step, seconds}, i) => (step - before[i].step) / seconds);
"""


def report(rounds: int) -> Report:
    """Measures the training of both sides in a headless Chromium.

    Args:
        rounds: The number of rounds.

    Returns:
        A report with a row for each network.
    """
    with browser_modules(TRAINING) as modules:
        measures: dict[str, Callable[[], Sides]] = {
            _name(*network): partial(steps_per_second, modules, *network)
            for network in NETWORKS
        }
        speeds = in_turns("the playground", measures, rounds)
    rows = [(name, *_texts(found)) for name, found in speeds.items()]
    return Report(
        f"The playground: two workers at a time, {REPLICAS} replicas each",
        ("layers", "steps a second, left", "right", f"steps in {FRAME} ms"),
        rows,
        f"With what a worker sends after every {FRAME} ms: records, weights and the "
        "decision surface. The last column is that of the slower side.",
    )


def steps_per_second(
    modules: Modules, depth: int, width: int, activation: str
) -> Sides:
    """Returns the steps that each side takes in a second while both train.

    Args:
        modules: A browser.
        depth: The number of hidden layers.
        width: The units of each.
        activation: Their activation.
    """
    left, right = modules.run(
        {"settings.js": "checkSettings"},
        _TRAIN,
        url=f"{modules.url}worker.js",
        settings={
            "depth": depth,
            "width": width,
            "activation": activation,
            "initializer": "uniform",
            "replicas": REPLICAS,
        },
        frame=FRAME,
        warmUp=WARM_UP,
        measured=MEASURED,
    )
    return left, right


def _name(depth: int, width: int, activation: str) -> str:
    return f"{depth} of {width} units, {activation}"


def _texts(found: list[Sides]) -> tuple[str, ...]:
    left, right = (median(side) for side in zip(*found, strict=True))
    frame = median(min(sides) * FRAME / 1000 for sides in found)
    return tuple(map(number_text, (left, right, frame)))
