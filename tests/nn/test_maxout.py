"""Maxout layers against NumPy."""

import keras
import numpy as np
import pytest

import deepxor
from deepxor.nn.maxout import EachPiece, MaxoutConv2D, MaxoutDense

L = keras.layers
RNG = np.random.default_rng(0)


def by_formula(z, pieces, axis=-1):
    """The maximum over each unit's neighbouring columns, unit by unit."""
    columns = np.split(np.asarray(z), z.shape[axis] // pieces, axis=axis)
    return np.concatenate([c.max(axis=axis, keepdims=True) for c in columns], axis)


@pytest.mark.parametrize("shape", [(6,), (4, 6)])
def test_dense_is_the_largest_of_its_pieces(shape):
    layer = MaxoutDense(4, 3, bias_initializer="random_normal")
    x = RNG.normal(size=(5, *shape)).astype(np.float32)
    output = layer(x)
    assert layer.kernel.shape == (6, 12) and layer.bias.shape == (12,)
    assert output.shape == layer.compute_output_shape(x.shape) == (5, *shape[:-1], 4)
    z = x @ layer.kernel.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(output, by_formula(z, 3), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"padding": "same"}, {"strides": 2}])
def test_convolution_is_the_largest_of_its_pieces(options):
    layer = MaxoutConv2D(4, 3, **options, bias_initializer="random_normal")
    stock = L.Conv2D(8, 3, **options)
    x = RNG.normal(size=(2, 7, 7, 3)).astype(np.float32)
    output = layer(x)
    stock.build(x.shape)
    stock.set_weights(layer.get_weights())
    assert output.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(output, by_formula(stock(x), 2), rtol=1e-5, atol=1e-6)


def test_channels_first():
    layer = MaxoutConv2D(4, 3, 3, data_format="channels_first")
    assert layer.compute_output_shape((None, 2, 7, 9)) == (None, 4, 5, 7)
    z = RNG.normal(size=(2, 12, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(layer.activation(z), by_formula(z, 3, axis=1))


def model_of(*layers, shape):
    return keras.Sequential([keras.Input(shape), *layers])


def test_saved_and_loaded(tmp_path):
    initializer = EachPiece([keras.initializers.HeNormal(seed=s) for s in (1, 2)])
    model = model_of(
        MaxoutConv2D(3, 3, strides=2, kernel_initializer=initializer),
        L.Flatten(),
        MaxoutDense(4, 5, kernel_regularizer="l2"),
        shape=(6, 6, 2),
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = RNG.normal(size=(3, 6, 6, 2)).astype(np.float32)
    np.testing.assert_array_equal(model(x), again(x))
    copy = keras.models.clone_model(model)
    assert copy(x).shape == (3, 4)
    np.testing.assert_array_equal(copy.layers[0].kernel, model.layers[0].kernel)


def test_trains_in_graph_and_mixed_precision_beside_a_monitor():
    layers = MaxoutConv2D(3, 3), L.Flatten(), MaxoutDense(4, 5), L.Dense(2)
    model = model_of(*layers, shape=(6, 6, 1))
    half = model_of(MaxoutDense(4, dtype="mixed_float16"), shape=(3,))
    assert half(np.ones((2, 3))).dtype == "float16"
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = RNG.normal(size=(64, 6, 6, 1)).astype(np.float32)
    y = (x[:, 3, 3, 0] > 0).astype(int)
    monitor = deepxor.GradientMonitor()
    losses = model.fit(x, y, epochs=20, verbose=0, callbacks=[monitor]).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert len(monitor.history["layer"]) == 3
    # A maximum over pieces has no slope of its own that could be flat.
    for fraction in ("dead_fraction", "saturated_fraction"):
        assert np.isnan(monitor.history[fraction]).all()


def test_explained():
    model = model_of(MaxoutDense(4), MaxoutDense(4), L.Dense(2), shape=(6,))
    model.compile("sgd", "mse")
    x = RNG.normal(size=(16, 6)).astype(np.float32)
    explanation = deepxor.explain(model, x, x[:, :2])
    assert explanation.has_activation.tolist() == [True, True, False]
    # Each gradient goes to one of two pieces.
    np.testing.assert_allclose(explanation.slope_factor, 1, rtol=1e-5)


def test_lsuv_scales_the_pieces_each_of_which_is_orthonormal():
    conv, dense = MaxoutConv2D(4, 3, 2), MaxoutDense(3, 5)
    model = model_of(conv, L.GlobalMaxPooling2D(), dense, shape=(8, 8, 3))
    x = RNG.normal(size=(64, 8, 8, 3)).astype(np.float32)
    deepxor.lsuv(model, x)
    taken = []
    for layer, pieces in ((conv, 2), (dense, 5)):
        kernel = layer.kernel.numpy()
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for piece in range(pieces):
            part = matrix[:, piece::pieces].astype(np.float64)
            gram = part.T @ part
            np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-5)
        taken.append(kernel)
    stock = L.Conv2D(8, 3)
    stock.build(x.shape)
    stock.set_weights([taken[0], np.zeros(8)])
    z = np.asarray(stock(x), np.float64)
    assert z.var() == pytest.approx(1, abs=0.02)
    pooled = by_formula(z, 2).max(axis=(1, 2))
    assert (pooled @ taken[1]).var() == pytest.approx(1, abs=0.02)


def test_each_piece_is_drawn_like_a_layer_of_its_own():
    each = [keras.initializers.GlorotUniform(seed=s) for s in range(3)]
    kernel = np.asarray(EachPiece(each)((50, 90)))
    for piece in range(3):
        expected = keras.initializers.GlorotUniform(seed=piece)((50, 30))
        np.testing.assert_array_equal(kernel[:, piece::3], expected)


@pytest.mark.parametrize(
    "make", [lambda: MaxoutDense(4, 1), lambda: MaxoutConv2D(4, 3, 0)]
)
def test_pieces_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match=r"must be at least 2\. Received: pieces=\d"):
        make()


@pytest.mark.parametrize("kind", [MaxoutDense, MaxoutConv2D])
def test_another_activation_is_refused(kind):
    with pytest.raises(TypeError, match="activation"):
        kind(4, 3, activation="relu")
