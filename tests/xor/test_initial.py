"""The initial weights of networks, and the settings that they are drawn from."""

import numpy as np
import pytest

from deepxor.xor import text_summary
from deepxor.xor.config import Experiment
from deepxor.xor.network.initial import Network, initial_weights
from deepxor.xor.recorder import _settings_line

WIDE = Experiment(depth=3, width=64, weight_variance=2.5, bias_variance=0.05)


def drawn(*networks):
    pieces = [1] * (len(networks[0].experiment.hidden) + 1)
    return initial_weights(networks, pieces)


def test_kernels_and_biases_have_the_variances_that_were_asked_for():
    weights = drawn(*(Network(WIDE, r) for r in range(50)))
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        inputs = len(kernel)
        for values, variance in ((kernel, 2.5 / inputs), (bias, 0.05)):
            # The variance of a sample of n normal numbers has a relative error of
            # sqrt(2 / n); five of these is never reached by chance.
            error = 5 * np.sqrt(2 / values.size)
            assert values.var() == pytest.approx(variance, rel=error)
            assert abs(values.mean()) < 5 * np.sqrt(variance / values.size)


def test_a_network_is_the_same_beside_any_others():
    other = Experiment(depth=3, width=64, initializer="he", seed=4)
    alone = drawn(Network(WIDE, 3))
    beside = drawn(Network(other, 0), Network(WIDE, 7), Network(WIDE, 3))
    for a, b in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(a[..., 0], b[..., 2])
        assert not np.array_equal(b[..., 1], b[..., 2])


def test_other_variances_are_the_same_networks_in_another_scale():
    doubled = Experiment(depth=3, width=64, weight_variance=10, bias_variance=0.2)
    for a, b in zip(drawn(Network(WIDE, 0)), drawn(Network(doubled, 0)), strict=True):
        np.testing.assert_allclose(b, 2 * a, rtol=1e-12)


def test_without_a_bias_variance_biases_are_zero():
    for bias in drawn(Network(Experiment(depth=2, width=4), 0))[1::2]:
        assert not bias.any()


def test_depth_times_width_is_the_shape():
    experiment = Experiment(depth=3, width=4)
    assert experiment.hidden == (4, 4, 4)
    assert experiment.shape == "2-4-4-4-1"
    assert experiment.run_name == "depth3_width4-sigmoid"
    assert not experiment.is_named
    assert _settings_line(experiment) == "3x4"
    assert Experiment.from_json(experiment.to_json()) == experiment


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"depth": 3}, "`depth` and `width` must be given together"),
        ({"width": 3}, "Received: depth=None, width=3"),
        ({"depth": 0, "width": 3}, "`depth` must be an integer from 1 to 1000"),
        ({"depth": 2, "width": 0}, "`width` must be an integer from 1 to 10000"),
        ({"depth": 2, "width": 2, "network": "wide"}, "network='wide', depth=2"),
        ({"depth": 2, "width": 2, "hidden_units": (3,)}, "must not both be given"),
        ({"weight_variance": -1}, "`weight_variance` must be 0 or a number above 0"),
        ({"bias_variance": float("nan")}, "Received: bias_variance=nan"),
        ({"weight_variance": 1, "initializer": "he"}, "must not both be given"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(settings, words):
    with pytest.raises(ValueError, match="Received") as error:
        Experiment(**settings)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_what_the_weights_are_drawn_from_is_said():
    assert WIDE.initial_weights == (
        "normal, variance 2.5 / inputs; biases normal, variance 0.05"
    )
    assert Experiment(activation="relu").initial_weights == "he"
    assert "| initial weights | normal, variance 2.5" in text_summary.settings(WIDE)
    assert _settings_line(WIDE) == "3x64 weight_variance=2.5 bias_variance=0.05"


def test_networks_that_differ_in_weights_and_rate_alone_have_as_much_in_common():
    other = Experiment(depth=3, width=64, learning_rate=0.3, initializer="he", seed=1)
    assert other.common == WIDE.common
    assert Experiment(depth=3, width=64, activation="relu").common != WIDE.common
