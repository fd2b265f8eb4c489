"""The script that gives the playground the laboratory's tables; no TensorFlow."""

from __future__ import annotations

import json

from deepxor.nn.activations import ACTIVATIONS
from deepxor.palette import BLUE, VERMILION
from deepxor.xor.config import NETWORKS, Experiment
from deepxor.xor.decision_surface import ONE, UNSURE, ZERO


def tables_js() -> str:
    """Returns a module with the zoo, the networks, the defaults and the colours."""
    tables = {
        # The initializer that "auto" stands for, by activation.
        "ACTIVATIONS": {
            name: {"initializer": row.initializer} for name, row in ACTIVATIONS.items()
        },
        "NETWORKS": NETWORKS,
        "NUM_STEPS": Experiment().num_steps,
        # The colours of the answers 0, unsure and 1; of weights below and above 0.
        "ANSWERS": [colour.astype(int).tolist() for colour in (ZERO, UNSURE, ONE)],
        "WEIGHTS": [BLUE, VERMILION],
    }
    lines = (f"export const {name} = {json.dumps(tables[name])};" for name in tables)
    return "\n".join(lines) + "\n"
