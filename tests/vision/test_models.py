"""The convolutional networks: shapes, sizes, seeds."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.initializers import KERAS_INITIALIZERS
from deepxor.nn.keras_activation import activation_function
from deepxor.vision.datasets import load
from deepxor.vision.models import CONVNETS, build_convnet

RNG = np.random.default_rng(0)
FITNET4 = [32, 32, 32, 48, 48, *[80] * 6, *[128] * 6]


def small(activation="relu", initializer="he", **options):
    return build_convnet(
        "fitnet4", (8, 8, 1), 10, activation, initializer, scale=0.1, **options
    )


def kernels(model):
    return [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")]


def fitnet4_size(channels, conv_pieces, dense_pieces):
    """Weights and biases of FitNet-4, written out."""
    total, inputs = 0, channels
    for filters in FITNET4:
        total += (9 * inputs + 1) * filters * conv_pieces
        inputs = filters
    total += (128 + 1) * 500 * dense_pieces
    return total + (500 + 1) * 10


@pytest.mark.parametrize(
    ("activation", "pieces"), [("relu", (1, 1)), ("maxout", (2, 5))]
)
@pytest.mark.parametrize("shape", [(32, 32, 3), (8, 8, 1)])
def test_fitnet4_is_that_of_the_paper(activation, pieces, shape):
    model = build_convnet("fitnet4", shape, 10, activation, "he")
    assert model.count_params() == fitnet4_size(shape[-1], *pieces)
    names = [layer.name for layer in model.layers if hasattr(layer, "kernel")]
    assert names == [*(f"conv{i}" for i in range(1, 18)), "hidden", "logits"]
    side = shape[0]
    for number, filters in enumerate(FITNET4, 1):
        divisor = 1 if number <= 5 else 2 if number <= 11 else 4
        expected = (None, side // divisor, side // divisor, filters)
        assert model.get_layer(f"conv{number}").output.shape == expected
    assert model.get_layer("pool3").output.shape == (None, 128)
    assert model.get_layer("hidden").output.shape == (None, 500)
    assert model.output.shape == (None, 10)
    assert model.get_layer("logits").activation is keras.activations.linear


def test_cnn():
    model = build_convnet("cnn", (32, 32, 3), 10, "relu", "he")
    sizes = [(27 + 1) * 32, (288 + 1) * 32, (288 + 1) * 64, (576 + 1) * 64]
    assert model.count_params() == sum(sizes) + (8 * 8 * 64 + 1) * 128 + 129 * 10
    assert model.get_layer("pool2").output.shape == (None, 8, 8, 64)


def test_scale_multiplies_the_hidden_widths():
    model = build_convnet("fitnet4", (8, 8, 1), 7, "maxout", "he", scale=0.1)
    assert model.get_layer("conv1").output.shape[-1] == 3
    assert model.get_layer("hidden").output.shape == (None, 50)
    assert model.output.shape == (None, 7)
    tiny = build_convnet("cnn", (8, 8, 1), 7, "relu", "he", scale=1e-9)
    assert tiny.get_layer("conv1").output.shape[-1] == 1


def test_dropout_where_the_paper_has_it():
    model = small()
    dropped = [i for i, x in enumerate(model.layers) if "dropout" in x.name]
    assert [model.layers[i - 1].name for i in dropped] == [
        *("pictures", "pool1", "pool2", "pool3", "hidden")
    ]
    assert {model.layers[i].rate for i in dropped} == {0.2}
    assert not any("dropout" in layer.name for layer in small(dropout=False).layers)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_by_stock_keras(activation, tmp_path):
    model = build_convnet("cnn", (8, 8, 1), 3, activation, "he", scale=0.1)
    x = RNG.normal(size=(4, 8, 8, 1)).astype(np.float32)
    y = x
    for layer in model.layers[1:]:
        if not hasattr(layer, "kernel"):
            y = layer(y)
            continue
        is_conv = layer.name.startswith("conv")
        columns = layer.kernel.shape[-1]
        kind = keras.layers.Conv2D if is_conv else keras.layers.Dense
        window = {"kernel_size": 3, "padding": "same"} if is_conv else {}
        twin = kind(columns, **window)
        twin.build(y.shape)
        twin.set_weights(layer.get_weights())
        y = twin(y)
        if layer.name == "logits":
            continue
        if activation == "maxout":
            pieces = 2 if is_conv else 5
            y = np.asarray(y).reshape(*y.shape[:-1], -1, pieces).max(axis=-1)
        else:
            y = activation_function(activation)(y)
    np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize("activation", ["relu", "maxout"])
@pytest.mark.parametrize("initializer", sorted(KERAS_INITIALIZERS))
def test_the_seed_decides(activation, initializer):
    first, again, other = (
        kernels(small(activation, initializer, seed=seed)) for seed in (1, 1, 2)
    )
    without = kernels(small(activation, initializer, seed=1, dropout=False))
    for a, b, c, d in zip(first, again, other, without, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, d)
        assert not np.allclose(a, c)
    # Layers of one shape, and pieces of one layer, are different.
    assert not np.allclose(first[6], first[7])
    assert len(np.unique(np.round(first[6], 6))) > first[6].size // 2


def test_the_seed_decides_dropout():
    x = np.ones((2, 8, 8, 1), np.float32)
    first, again, other = (
        np.asarray(small(seed=seed)(x, training=True)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    ("initializer", "activation", "gain"),
    [
        ("orthogonal", "relu", 1),
        ("lsuv", "tanh", 1),
        ("orthogonal_scaled", "relu", np.sqrt(2)),
        ("orthogonal_scaled", "leaky_relu", np.sqrt(2 / 1.01)),
        ("orthogonal_scaled", "very_leaky_relu", np.sqrt(2 / (1 + 1 / 9))),
    ],
)
def test_orthogonal_kernels(initializer, activation, gain):
    model = build_convnet("cnn", (8, 8, 3), 10, activation, initializer)
    for kernel in kernels(model):
        matrix = kernel.reshape(-1, kernel.shape[-1])
        small_side = min(matrix.shape)
        gram = matrix.T @ matrix if matrix.shape[1] == small_side else matrix @ matrix.T
        np.testing.assert_allclose(gram, gain**2 * np.eye(small_side), atol=1e-5)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("he", lambda fan_in, fan_out: 2 / fan_in),
        ("glorot", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    ],
)
@pytest.mark.parametrize(("activation", "pieces"), [("relu", 1), ("maxout", 2)])
def test_variances(initializer, variance, activation, pieces):
    model = build_convnet("cnn", (8, 8, 3), 10, activation, initializer)
    kernel = model.get_layer("conv4").kernel.numpy()
    assert kernel.shape == (3, 3, 64, 64 * pieces)
    # Of one piece, as of a layer of its own: Caffe and the lab count like this.
    expected = variance(9 * 64, 9 * 64)
    assert kernel.var() == pytest.approx(expected, rel=0.03)


def test_lsuv_starts_every_layer_at_variance_one():
    model = small("tanh", "lsuv")
    x = RNG.normal(size=(64, 8, 8, 1)).astype(np.float32)
    scaled = deepxor.lsuv(model, x)
    assert [s.path for s in scaled] == [
        *(f"conv{i}" for i in range(1, 18)),
        "hidden",
        "logits",
    ]
    assert np.var(model(x)) == pytest.approx(1, abs=0.02)


def test_learns():
    # Weights, and the order in which `fit` shuffles, whatever ran before.
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = build_convnet("cnn", (8, 8, 1), 2, "very_leaky_relu", "he", scale=0.25)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x = rng.normal(size=(256, 8, 8, 1)).astype(np.float32)
    y = (x[:, :4].mean(axis=(1, 2, 3)) > 0).astype(int)
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "vgg"}, "one of fitnet4, cnn. Received: network='vgg'"),
        ({"activation": "step"}, "`activation` must be one of sigmoid, tanh"),
        ({"initializer": "x"}, "`initializer` must be one of glorot, he"),
        ({"classes": 1}, "at least 2. Received: classes=1"),
        ({"scale": 0}, "a finite number above 0. Received: scale=0"),
        ({"scale": float("nan")}, "Received: scale=nan"),
        ({"seed": -1}, "at least 0. Received: seed=-1"),
        ({"input_shape": (32, 32)}, r"Received: input_shape=\(32, 32\)"),
        (
            {"input_shape": (3, 8, 1)},
            r"\(4, 4, 1\) .*Received: input_shape=\(3, 8, 1\)",
        ),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    arguments = {
        "network": "fitnet4",
        "input_shape": (8, 8, 1),
        "classes": 10,
        "activation": "relu",
        "initializer": "he",
    }
    with pytest.raises(ValueError, match=message):
        build_convnet(**{**arguments, **change})


@pytest.mark.parametrize("network", CONVNETS)
def test_the_smallest_picture(network):
    side = CONVNETS[network].smallest_side
    model = build_convnet(network, (side, side, 1), 2, "relu", "he", scale=0.1)
    assert model(np.ones((1, side, side, 1))).shape == (1, 2)


def test_flags_can_be_checked_without_tensorflow():
    code = "import sys, deepxor.vision.models; assert 'tensorflow' not in sys.modules; "
    code += "assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_lsuv_gives_every_layer_of_fitnet4_variance_one():
    pictures = load("digits").x_train[:128]
    model = build_convnet("fitnet4", (8, 8, 1), 10, "relu", "lsuv", scale=0.25)
    deepxor.lsuv(model, pictures)
    y, variances = pictures, {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not hasattr(layer, "kernel"):
            y = layer(y, training=False)
            continue
        kernel = layer.kernel.numpy()
        z = tf.nn.conv2d(y, kernel, 1, "SAME") if kernel.ndim == 4 else y @ kernel
        variances[layer.name] = np.var(z.numpy(), dtype=np.float64)
        y = tf.nn.relu(z)
    assert len(variances) == 19
    # The tolerance of the paper, and float32.
    np.testing.assert_allclose(list(variances.values()), 1, atol=0.02 + 1e-4)
