"""The models that are neither healthy nor have a fault of a known kind.

No outcome tells them apart, and they are not scored.
"""

from __future__ import annotations

from scripts.benchmarks.diagnosis.cases.case import UNKNOWN
from scripts.benchmarks.diagnosis.cases.family import ADAM, family

AMBIGUOUS = (
    *family(
        "nothing to learn",
        UNKNOWN,
        {
            "random labels, relu": {"task": "random_labels", "units": (8,)},
            "random labels, tanh, adam": {
                "task": "random_labels", "activation": "tanh", "units": (4,), **ADAM},
        },
    ),
    *family(
        "not in the gradients",
        UNKNOWN,
        {
            "recurrent, forgets amid noise": {
                "task": "noisy_recall_60", "network": "rnn", "units": (12,),
                "activation": "tanh", "epochs": 10},
            "a rate of 1e-7": {"task": "blobs", "rate": 1e-7},
        },
    ),
)  # fmt: skip
