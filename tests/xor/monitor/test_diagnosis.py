import numpy as np
import pytest

from deepxor import verdicts
from deepxor.xor.monitor.diagnosis import diagnose


def history(first, recent=None, loss=(0.7, 0.7), layers=("a", "b", "c")):
    """Returns a history from norms, [layers] or [layers, R]."""
    first = np.array(first, np.float32).reshape(len(layers), -1)
    recent = first if recent is None else np.array(recent, np.float32)
    recent = np.broadcast_to(recent.reshape(len(layers), -1), first.shape)
    return {
        "step": np.array([0, 100]),
        "layer": list(layers),
        "norm": np.stack([np.median(first, axis=1), np.median(recent, axis=1)]),
        "zero_fraction": np.zeros((2, len(layers)), np.float32),
        "loss": np.array(loss),
        "first": first,
        "recent": np.stack([recent, recent]),
        "recent_step": np.array([0, 100]),
    }


@pytest.mark.parametrize(
    ("norms", "verdict"),
    [
        ({"first": [1e-7, 1e-4, 1e-1]}, "vanishing"),
        # The output settles; what is left of its gradient is rounding noise.
        ({"first": [1e-7, 1e-4, 1e-1], "recent": [1e-8, 1e-8, 1e-8]}, "vanishing"),
        # Training has mended it.
        ({"first": [1e-7, 1e-4, 1e-1], "recent": [1e-2, 1e-2, 1e-1]}, "healthy"),
        ({"first": [1e-7, 1e-4, 1e-1], "loss": (0.7, 0.01)}, "healthy"),
        ({"first": [1e-1, 1e-1, 1e-1]}, "healthy"),
        # Converged: small everywhere.
        ({"first": [1e-1] * 3, "recent": [1e-9] * 3, "loss": (0.7, 1e-5)}, "healthy"),
        ({"first": [1e-9, 1e-9, 1e-9]}, "healthy"),
        ({"first": [1e-1] * 3, "recent": [0, 0, 1e-3]}, "dead"),
        ({"first": [1e-1] * 3, "recent": [0, 0, 0]}, "dead"),
        # Where inputs no longer matter, inner layers' gradients cancel exactly.
        ({"first": [1e-1] * 3, "recent": [1e-8, 0, 0]}, "healthy"),
        ({"first": [1e-1] * 3, "recent": [np.nan] * 3}, "exploding"),
        ({"first": [1e-1] * 3, "recent": [1e8, 1, 1]}, "exploding"),
        ({"first": [1e-1] * 3, "recent": [1, 1, np.inf]}, "exploding"),
    ],
)
def test_verdicts(norms, verdict):
    assert diagnose(history(**norms)).verdict == verdict


def test_where_nothing_is_recorded_it_is_undecided():
    found = diagnose({"step": np.zeros(0, np.int64)})
    assert (found.verdict, found.layer) == ("undecided", None)
    assert found.evidence == "No step was recorded."
    assert found.advice == verdicts.advice("undecided")


def test_a_single_layer_that_has_converged_is_not_dead():
    found = diagnose(history([0.1], [0.0], layers=("only",)))
    assert found.verdict == "healthy" and "only" in found.evidence


def test_evidence_quotes_the_numbers():
    found = diagnose(history([1.4e-7, 1e-4, 1.3e-1]))
    assert found.layer == "a"
    assert found.evidence.startswith("a gets 1.4e-07, c 1.3e-01 at step 0: 6.0 decades")
    assert str(found).splitlines()[0] == "vanishing at a"
    assert "relu" in found.advice


def test_dead_names_the_layer_where_the_gradient_stops():
    found = diagnose(history([1e-1] * 3, [0, 0, 1e-3]))
    assert found.layer == "b" and "stops most often at b" in found.evidence


def test_dead_does_not_guess_the_layer_where_all_are_zero():
    found = diagnose(history([1e-1] * 3, [0, 0, 0]))
    assert found.layer == "a" and "every other layer" in found.evidence


@pytest.mark.parametrize(("dead", "verdict"), [(5, "healthy"), (11, "dead")])
def test_a_few_replicas_do_not_make_a_verdict(dead, verdict):
    recent = np.full((3, 100), 0.1)
    recent[:, :dead] = 0
    found = diagnose(history(np.full((3, 100), 0.1), recent))
    assert found.verdict == verdict
    assert f"{dead} of 100 replicas" in found.evidence


def test_the_most_common_fault_is_the_verdict():
    first = np.full((3, 100), 0.1)
    first[0, :60] = 1e-9
    recent = first.copy()
    recent[:, 60:90] = 0
    assert diagnose(history(first, recent)).verdict == "vanishing"
