"""The script that gives the playground the laboratory's tables; no TensorFlow."""

from __future__ import annotations

import json

from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.palette import BLUE, VERMILION
from deepxor.xor.config import NETWORKS, Experiment
from deepxor.xor.decision_surface import GRID, ONE, UNSURE, ZERO


def tables_js() -> str:
    """Returns a module with the zoo, the networks, the defaults and the colours."""
    experiment = Experiment()
    tables = {
        # The initializer that "auto" stands for, by activation.
        "ACTIVATIONS": {name: row.initializer for name, row in ACTIVATIONS.items()},
        "INITIALIZERS": list(REPLICA_INITIALIZERS),
        "NETWORKS": NETWORKS,
        "LEARNING_RATE": experiment.learning_rate,
        "NUM_STEPS": experiment.num_steps,
        # The points of a decision surface on each side of the square; the colours of
        # the answers 0, unsure and 1; and those of weights below and above 0.
        "GRID": GRID,
        "ANSWERS": [colour.astype(int).tolist() for colour in (ZERO, UNSURE, ONE)],
        "WEIGHTS": [BLUE, VERMILION],
    }
    lines = (f"export const {name} = {json.dumps(tables[name])};" for name in tables)
    return "\n".join(lines) + "\n"
