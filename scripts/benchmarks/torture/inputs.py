"""Trials of what comes from elsewhere: flags, and folders that anybody has made."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2, tensor_pb2

from deepxor.events import gradient_flow
from deepxor.events.record_file import frame
from scripts.benchmarks.torture.damage import damage
from scripts.benchmarks.torture.files import compare
from scripts.benchmarks.torture.process import run
from scripts.benchmarks.torture.reference import RUN, Reference
from scripts.benchmarks.torture.trial import SILENT, TRACEBACK, FaultError

_TEXTS = (
    "", " ", "0", "-1", "1e400", "nan", "inf", "\uff19", "5_0", "x" * 50_000, "\n",
    "\x1b[2J", "=1+2", "../..", "gs://x/y", "\u202e", "'", '"', "{}", "true", "None",
    "x{99999999999999999999}", "(" * 3000, "[", "%s", "10" * 3000,
)  # fmt: skip

_COMMANDS = {
    "deepxor.train": (
        "network",
        "hidden_units",
        "depth",
        "width",
        "activation",
        "alpha",
        "pieces",
        "initializer",
        "weight_variance",
        "bias_variance",
        "optimizer",
        "learning_rate",
        "num_steps",
        "log_every",
        "replicas",
        "seed",
        "bits",
        "residual",
        "run_name",
        "resume",
    ),
    "deepxor.compare": ("runs", "baseline", "html", "csv", "json"),
    "deepxor.explain": ("activation", "depth", "seed", "initializer", "png", "html"),
    "deepxor.sweep": ("axis", "task", "replicas", "jobs", "dask", "num_steps", "seed"),
    "deepxor.images": ("dataset", "activation", "initializer", "jobs", "epochs"),
    "deepxor.playground": ("port", "host", "export"),
}
_COMMON = (
    "logdir", "flagfile", "help", "helpfull", "verbosity", "stderrthreshold", "quiet",
    "noquiet", "nonsense", "log_dir", "pdb",
)  # fmt: skip


def flags(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Runs a command with two flags of its own or of nobody's, one of them wrong."""
    command = chance.choice(sorted(_COMMANDS))
    names = [*_COMMANDS[command], *_COMMON]
    given = [
        f"--{chance.choice(names)}={chance.choice(_TEXTS)}"
        for _ in range(chance.randint(1, 2))
    ]
    arguments: list[str | bytes] = [*given, "--seed=wrong"]
    if chance.random() < 0.1:
        arguments.insert(0, b"--logdir=\xff\xfe")
    ended = run(command, arguments, patience=60, folder=folder)
    ended.check(0, 2)
    if any(folder.iterdir()):
        raise FaultError(SILENT, "a wrong flag leaves files")
    return f"status {ended.status}"


def folders(chance: random.Random, folder: Path, reference: Reference) -> str:
    """Compares a run with folders that hold anything."""
    shutil.copytree(reference.logdir / RUN, folder / RUN)
    made = {}
    for number in range(chance.randint(1, 3)):
        path = folder / f"foreign-{number}"
        maker = chance.choice(sorted(_MAKERS))
        path.mkdir()
        _MAKERS[maker](chance, path, reference)
        made[path.name] = maker
    ended, rows = compare(folder, folder / "report")
    if rows.get(RUN, {}).get("solved") != str(reference.results["solved"]):
        raise FaultError(SILENT, f"the run is not shown beside {made}")
    for name in made:
        if name not in rows and name not in ended.output:
            raise FaultError(SILENT, f"{name} is not named: {made[name]}")
    odd = [
        letter
        for letter in ended.output
        if not (letter.isprintable() or letter == "\n")
    ]
    if odd:
        raise FaultError(TRACEBACK, f"{odd[:5]} reach the terminal")
    sizes = [
        path.stat().st_size for path in folder.parent.glob(f"{folder.name}-report.*")
    ]
    if max(sizes) > 20_000_000:
        raise FaultError(SILENT, f"outputs of {sizes} bytes")
    return ", ".join(sorted({*made.values()}))


def _odd(chance: random.Random) -> Any:
    return chance.choice(
        (None, True, -1, 10**400, 1e308, "\x1b[31m", "\ud800", "=1", "x" * 10**6, [],
         {}, [[]], {"a": {}}, 0.5, -0.0)
    )  # fmt: skip


def _settings(chance: random.Random, path: Path, reference: Reference) -> None:
    """Writes the file of a run with some values that are anything."""
    text = (reference.logdir / RUN / "experiment.json").read_text(encoding="utf-8")
    content = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        place = chance.choice((content, content["settings"], content["results"]))
        if isinstance(place, dict) and place:
            place[chance.choice(sorted(place))] = _odd(chance)
            if not all(
                isinstance(content[key], dict) for key in ("settings", "results")
            ):
                break
    (path / "experiment.json").write_text(json.dumps(content), encoding="utf-8")


def _nested(chance: random.Random, path: Path, reference: Reference) -> None:
    depth = chance.choice((1_000, 200_000))
    text = chance.choice(("[", '{"a":')) * depth
    (path / "experiment.json").write_text(text, encoding="utf-8")


def _damaged(chance: random.Random, path: Path, reference: Reference) -> None:
    shutil.copytree(reference.logdir / RUN, path, dirs_exist_ok=True)
    damage(chance, chance.choice(sorted(path.iterdir())))


def _tensors(chance: random.Random, path: Path, reference: Reference) -> None:
    """Writes an event file whose tensors say what they like."""
    layers = [_name(chance) for _ in range(chance.choice((0, 1, 3, 20_000)))]
    metadata = {"quantities": list(gradient_flow.QUANTITIES), "layers": layers}
    content = json.dumps(metadata if chance.random() < 0.8 else _odd(chance))
    frames = []
    for step in range(chance.randint(1, 4)):
        event = event_pb2.Event(step=chance.choice((step, -1, 2**63 - 1)))
        value = event.summary.value.add(tag=gradient_flow.TAG)
        value.metadata.plugin_data.plugin_name = gradient_flow.PLUGIN_NAME
        value.metadata.plugin_data.content = content.encode(errors="replace")
        value.tensor.CopyFrom(_tensor(chance, len(layers)))
        scalar = event.summary.value.add(tag=chance.choice(("loss", "cost", "x")))
        scalar.simple_value = chance.choice((np.nan, np.inf, 1.0))
        frames.append(frame(event.SerializeToString()))
    (path / "events.out.tfevents.1.host").write_bytes(b"".join(frames))


def _tensor(chance: random.Random, layers: int) -> tensor_pb2.TensorProto:
    tensor = tensor_pb2.TensorProto(dtype=chance.choice((1, 2, 7, 21, 99)))
    rows = len(gradient_flow.QUANTITIES)
    for size in chance.choice(((rows, layers), (-1,), (10**7, 10**6), (0,), ())):
        tensor.tensor_shape.dim.add(size=size)
    if chance.random() < 0.5:
        tensor.float_val.append(1.0)
    else:
        numbers = np.random.default_rng(0).normal(size=rows * min(layers, 100))
        tensor.tensor_content = numbers.astype(np.float32).tobytes()
    return tensor


def _name(chance: random.Random) -> str:
    return chance.choice(
        ("dense", "=cmd", "\x1b]0;x\x07", "\r=1", "<b>", "\ud800", "é")
    )


def _unreadable(chance: random.Random, path: Path, reference: Reference) -> None:
    name = chance.choice(("experiment.json", "events.out.tfevents.1.host"))
    kind = chance.choice(("folder", "pipe", "loop", "dangling"))
    if kind == "folder":
        (path / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(path / name)
    else:
        (path / name).symlink_to(path / (name if kind == "loop" else "nothing"))


_MAKERS = {
    "settings": _settings,
    "nested": _nested,
    "damaged": _damaged,
    "tensors": _tensors,
    "unreadable": _unreadable,
}
