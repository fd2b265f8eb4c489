"""The reference: a page of the site with the docstrings of the public names."""

from __future__ import annotations

import deepxor

# Public name -> the classes of what it returns or has, which have no name in deepxor.
PUBLIC = {
    "GradientMonitor": (
        "deepxor.diagnosis.diagnosis.Diagnosis",
        "deepxor.diagnosis.causes.cause.Cause",
    ),
    "explain": (
        "deepxor.backprop.explanation.Explanation",
        "deepxor.backprop.mean_field.Prediction",
    ),
    "lsuv": ("deepxor.nn.lsuv.ScaledLayer",),
    "Experiment": (),
    "train_experiment": ("deepxor.xor.run.Run",),
    "sweep": ("deepxor.sweeps.cells.Cells",),
}

_HEAD = """# Reference

All public names of `deepxor`, and what they return, as their docstrings say it.
TensorFlow is loaded when one of them is first used. The commands have
[flags](flags.md).
"""


def page() -> str:
    """Returns the page as Markdown for mkdocstrings, each name with an anchor."""
    parts = [_HEAD]
    for name, related in PUBLIC.items():
        parts.append(_entry(f"{deepxor._MODULES[name]}.{name}", f"deepxor.{name}"))
        parts += [_entry(path, path.rpartition(".")[2]) for path in related]
    return "\n".join(parts)


def _entry(path: str, heading: str) -> str:
    return (
        f"[](){{ #{heading} }}\n\n::: {path}\n    options:\n      heading: {heading}\n"
    )
