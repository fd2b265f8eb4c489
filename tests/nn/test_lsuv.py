"""Layer-sequential unit-variance initialization, on every kind of Keras model."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.nn.lsuv import lsuv
from deepxor.xor.config import Experiment
from deepxor.xor.network.build import build

L = keras.layers
RNG = np.random.default_rng(0)
IMAGES = (3 * RNG.normal(size=(64, 8, 8, 3)) + 1).astype(np.float32)
VECTORS = (3 * RNG.normal(size=(256, 6)) + 1).astype(np.float32)


def convnet():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            L.Conv2D(8, 3, activation="relu", padding="same"),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Conv2D(12, 3, activation="tanh", strides=2),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dense(9, activation=L.LeakyReLU()),
            L.Dense(4, activation="softmax"),
        ]
    )


def dense_net(depth=3, **options):
    layers = [L.Dense(5, activation="tanh", **options) for _ in range(depth)]
    return keras.Sequential([keras.Input((6,)), *layers])


def stock_variances(model, batch):
    """Recomputes pre-activation variances with a functional model of the same weights.

    The stock layers have no activation; those follow as layers of their own.
    """
    x = inputs = keras.Input(batch.shape[1:])
    taps = []
    for layer in model.layers:
        config = layer.get_config()
        has_activation = "kernel_initializer" in config
        if has_activation:
            config["activation"] = None
        twin = type(layer).from_config(config)
        x = twin(x)
        twin.set_weights(layer.get_weights())
        if has_activation:
            taps.append(x)
            x = L.Activation(layer.activation)(x)
    outputs = keras.Model(inputs, taps).predict(batch, verbose=0)
    return [np.asarray(output, np.float64).var() for output in outputs]


def assert_orthonormal(matrix, atol=1e-5):
    """Whether a matrix [fan, units] is a multiple of an orthonormal one."""
    fan, units = matrix.shape
    matrix = matrix.astype(np.float64)
    gram = matrix.T @ matrix if fan >= units else matrix @ matrix.T
    np.testing.assert_allclose(gram / gram[0, 0], np.eye(min(fan, units)), atol=atol)


def test_every_variance_is_one_by_stock_keras():
    model = convnet()
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(layer.bias + 3)
    scaled = deepxor.lsuv(model, IMAGES)
    variances = stock_variances(model, IMAGES)
    np.testing.assert_allclose(variances, 1, atol=0.02)
    np.testing.assert_allclose([s.variance for s in scaled], variances, rtol=1e-4)
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert [s.path for s in scaled] == [
        layer.kernel.path.removesuffix("/kernel") for layer in kernels
    ]
    for layer in kernels:
        kernel = layer.kernel.numpy()
        assert_orthonormal(kernel.reshape(-1, kernel.shape[-1]))
        assert not layer.bias.numpy().any()


def test_without_the_algorithm_the_variances_are_not_one():
    assert not np.allclose(stock_variances(convnet(), IMAGES), 1, atol=0.2)


def test_a_layer_whose_variance_is_right_is_not_divided():
    whitened = np.linalg.qr(VECTORS - VECTORS.mean(axis=0))[0] * np.sqrt(len(VECTORS))
    model = keras.Sequential([keras.Input((6,)), L.Dense(6), L.Dense(6)])
    scaled = lsuv(model, whitened.astype(np.float32))
    assert [s.rounds for s in scaled] == [0, 0]
    kernel = model.layers[0].kernel.numpy()
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(6), atol=1e-5)


def test_the_seed_decides():
    kernels = [
        [w.numpy() for w in model.weights]
        for seed in (1, 1, 2)
        if lsuv(model := dense_net(), VECTORS, seed=seed)
    ]
    for first, again, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(first, again)
        assert not first.any() or not np.allclose(first, other)
    assert not np.allclose(kernels[0][2], kernels[0][4])  # two layers of one shape


@pytest.mark.parametrize("units", [4, 12])
def test_wide_and_narrow_kernels_are_orthonormal(units):
    model = keras.Sequential([keras.Input((6,)), L.Dense(units)])
    lsuv(model, VECTORS)
    assert_orthonormal(model.layers[0].kernel.numpy())


def matrices(layer):
    """Returns what should be orthonormal of a layer's kernel, one matrix a group."""
    kernel = layer.kernel.numpy()
    if isinstance(layer, L.DepthwiseConv1D | L.DepthwiseConv2D):
        *_, channels, units = kernel.shape
        return [kernel[..., c, :].reshape(-1, units) for c in range(channels)]
    if "Transpose" in type(layer).__name__:
        return [np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)]
    parts = np.split(kernel, getattr(layer, "groups", 1), axis=-1)
    return [part.reshape(-1, part.shape[-1]) for part in parts]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.Dense(7), (5, 4)),
        (L.Conv1D(6, 3), (8, 4)),
        (L.Conv2D(6, 3, groups=2, use_bias=False), (6, 6, 4)),
        (L.Conv3D(3, 2), (4, 4, 4, 2)),
        (L.DepthwiseConv1D(3, depth_multiplier=2), (8, 4)),
        (L.DepthwiseConv2D(3), (6, 6, 4)),
        (L.Conv1DTranspose(3, 2), (6, 4)),
        (L.Conv2DTranspose(3, 2, strides=2), (4, 4, 5)),
        (L.Conv3DTranspose(2, 2), (3, 3, 3, 2)),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, L.Layer) else "",
)
def test_every_kind_of_layer(layer, shape):
    x = 5 * RNG.normal(size=(16, *shape))
    (scaled,) = lsuv(keras.Sequential([keras.Input(shape), layer]), x)
    output = np.asarray(layer(x), np.float64)
    assert output.var() == pytest.approx(1, abs=0.02)
    assert scaled.variance == pytest.approx(output.var(), rel=1e-4)
    for matrix in matrices(layer):
        assert_orthonormal(matrix)


@pytest.mark.parametrize(
    ("equation", "shape", "fan", "groups"),
    [
        ("abc,cd->abd", (None, 3), 4, 1),
        ("abc,cde->abde", (None, 2, 3), 4, 1),
        ("abc,bcd->ad", (3,), 20, 1),
        ("abc,bcd->abd", (5, 3), 4, 5),
        ("...c,cd->...d", 3, 4, 1),
    ],
)
def test_einsum_kernels_are_orthonormal_over_the_axes_that_are_summed(
    equation, shape, fan, groups
):
    layer = L.EinsumDense(equation, shape)
    x = RNG.normal(size=(16, 5, 4))
    lsuv(keras.Sequential([keras.Input((5, 4)), layer]), x)
    expected = np.einsum(equation, x, layer.kernel.numpy().astype(np.float64))
    assert expected.var() == pytest.approx(1, abs=0.02)
    for matrix in layer.kernel.numpy().reshape(groups, fan, -1):
        assert_orthonormal(matrix)


def test_separable_convolutions_have_two_orthonormal_kernels():
    layer = L.SeparableConv2D(5, 3, depth_multiplier=2)
    (scaled,) = lsuv(keras.Sequential([keras.Input((8, 8, 3)), layer]), IMAGES)
    assert np.var(layer(IMAGES)) == pytest.approx(1, abs=0.02)
    assert scaled.rounds == 1
    assert_orthonormal(layer.pointwise_kernel.numpy()[0, 0])
    for channel in range(3):
        depthwise = layer.depthwise_kernel.numpy()[:, :, channel].reshape(9, 2)
        np.testing.assert_allclose(depthwise.T @ depthwise, np.eye(2), atol=1e-5)


def test_attention_and_layers_of_every_time_step():
    inputs = keras.Input((5, 4))
    attention = L.MultiHeadAttention(2, 3)
    steps = L.TimeDistributed(L.Dense(3, activation="relu"))
    hidden = attention(inputs, inputs)
    model = keras.Model(inputs, steps(hidden))
    x = RNG.normal(size=(16, 5, 4)).astype(np.float32)
    scaled = lsuv(model, x)
    assert [s.path.split("/")[-1] for s in scaled[:-1]] == [
        *("query", "key", "value", "attention_output")
    ]
    hidden = np.asarray(attention(x, x), np.float64)
    assert hidden.var() == pytest.approx(1, abs=0.02)
    # Over all time steps, not only the first.
    z = hidden @ steps.layer.kernel.numpy()
    assert z.var() == pytest.approx(1, abs=0.02)


def test_nested_models_branches_and_shared_layers():
    inner = keras.Sequential([keras.Input((6,)), L.Dense(6, "relu", name="inside")])
    shared = L.Dense(6, activation="tanh", name="shared")
    inputs = keras.Input((6,))
    left, right = shared(inner(inputs)), L.Dense(6, name="branch")(inputs)
    output = L.Dense(1, name="last")(L.Add()([shared(left), right]))
    model = keras.Model(inputs, output)
    scaled = lsuv(model, VECTORS)
    names = [s.path.split("/")[-1] for s in scaled]
    assert sorted(names) == ["branch", "inside", "last", "shared"]
    assert names.index("inside") < names.index("shared") < names.index("last")
    z = np.maximum(VECTORS @ inner.layers[0].kernel.numpy(), 0) @ shared.kernel.numpy()
    assert z.var() == pytest.approx(1, abs=0.02)
    merged = np.tanh(np.tanh(z) @ shared.kernel) + VECTORS @ model.layers[-3].kernel
    last = merged @ model.get_layer("last").kernel
    assert np.var(last) == pytest.approx(1, abs=0.02)


class Subclassed(keras.Model):
    """Calls its layers in another order than that of its attributes."""

    def __init__(self):
        super().__init__()
        self.second = L.Dense(3, name="second")
        self.first = L.Dense(6, activation="relu", name="first")
        self.unused = L.Dense(2, name="unused")

    @tf.function
    def call(self, x):
        return self.second(self.first(x))


@pytest.mark.filterwarnings("ignore:.*does not have a `build")
def test_subclassed_models_that_are_not_built_and_compile_their_call():
    model = Subclassed()
    assert [s.path.split("/")[-1] for s in lsuv(model, VECTORS)] == ["first", "second"]
    hidden = VECTORS @ model.first.kernel.numpy()
    assert hidden.var() == pytest.approx(1, abs=0.02)
    output = np.maximum(hidden, 0) @ model.second.kernel.numpy()
    assert output.var() == pytest.approx(1, abs=0.02)
    assert not tf.config.functions_run_eagerly()
    np.testing.assert_allclose(model(VECTORS), output, rtol=1e-4, atol=1e-5)


def test_several_inputs():
    inputs = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
    model = keras.Model(inputs, L.Dense(3)(L.Concatenate()([*inputs.values()])))
    assert lsuv(model, {"a": VECTORS, "b": VECTORS})[0].rounds == 1


def test_lists_of_numbers_are_a_batch():
    assert len(lsuv(dense_net(), VECTORS[:9].tolist())) == 3


def test_frozen_recurrent_and_embedding_layers_stay_as_they_are():
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            L.Embedding(20, 6),
            L.Bidirectional(L.LSTM(4, return_sequences=True)),
            L.RNN(L.StackedRNNCells([L.GRUCell(4), L.SimpleRNNCell(4)])),
            L.Dense(5, activation="tanh", bias_initializer="ones", name="frozen"),
            L.Dense(3, bias_initializer="ones", name="scaled"),
        ]
    )
    model.get_layer("frozen").trainable = False
    before = [w.numpy() for w in model.weights]
    words = RNG.integers(0, 20, (64, 5))
    (scaled,) = lsuv(model, words)
    assert scaled.path.endswith("scaled")
    after = [w.numpy() for w in model.weights]
    for old, new in zip(before[:-2], after[:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.var(model.predict(words, verbose=0)) == pytest.approx(1, abs=0.02)


def test_mixed_precision():
    model = dense_net(dtype="mixed_float16")
    scaled = lsuv(model, VECTORS)
    for layer in model.layers:
        kernel = layer.kernel.numpy()
        assert kernel.dtype == np.float32
        # As precise as float32 allows: nothing went through float16.
        assert_orthonormal(kernel, atol=1e-6)
    assert [s.variance for s in scaled] == pytest.approx([1] * 3, abs=0.02)
    x = VECTORS.astype(np.float64)
    for layer in model.layers:
        z = x @ layer.kernel.numpy()
        assert z.var() == pytest.approx(1, abs=0.02)
        x = np.tanh(z)


class Root(L.Layer):
    """Not linear in its kernel, so that one division is not enough."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, x):
        z = keras.ops.matmul(x, self.kernel)
        return keras.ops.sign(z) * keras.ops.sqrt(keras.ops.abs(z))


def test_layers_of_ones_own_take_several_rounds_at_most_max_rounds():
    model = keras.Sequential([keras.Input((6,)), Root()])
    (free,) = lsuv(model, 5 * VECTORS, tolerance=1e-4, max_rounds=100)
    assert abs(free.variance - 1) < 1e-4 and 1 < free.rounds < 100
    (limited,) = lsuv(model, 5 * VECTORS, tolerance=1e-4, max_rounds=1)
    assert limited.rounds == 1 and abs(limited.variance - 1) > 1e-4
    assert limited.variance == pytest.approx(float(np.var(model(5 * VECTORS))))


class Raising(L.Layer):
    def call(self, x):
        if tf.executing_eagerly():
            raise RuntimeError("in the middle")
        return x


@pytest.mark.parametrize(
    ("last", "error"),
    [(Raising(), RuntimeError), (L.Rescaling(np.inf), ValueError)],
)
def test_an_exception_leaves_activations_and_weights_as_they_were(last, error):
    layers = [L.Dense(5, activation="relu"), L.Dense(5, activation="tanh")]
    model = keras.Sequential([keras.Input((6,)), *layers, last, L.Dense(2)])
    before = [w.numpy() for w in model.weights]
    attributes = [dict(vars(layer)) for layer in model.layers]
    with pytest.raises(error):
        lsuv(model, VECTORS)
    assert [dict(vars(layer)).keys() for layer in model.layers] == [
        a.keys() for a in attributes
    ]
    assert [layer.activation for layer in layers] == [
        keras.activations.relu,
        keras.activations.tanh,
    ]
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert not tf.config.functions_run_eagerly()


def test_a_model_can_be_trained_and_saved_afterwards(tmp_path):
    model = convnet()
    lsuv(model, IMAGES)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(IMAGES, np.arange(64) % 4, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.zeros((0, 6)), r"at least 1 sample. Received: .* shape \(0, 6\)"),
        ([], r"at least 1 sample. Received: .* shape \(0,\)"),
        (np.full((2, 6), np.nan), "must be finite. Received: 12 of 12 elements"),
        (iter([VECTORS]), "must be an array, .* type list_iterator"),
        (np.zeros((4, 6)), "must .* vary .*layer '.*dense.*gives the constant 0.0"),
        (np.full((4, 6), 3e38), "must have finite .*layer '.*dense.*' with 8 of"),
    ],
)
def test_a_batch_that_says_nothing_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        lsuv(dense_net(), batch)


def test_a_constant_that_is_only_rounded_differently_is_refused():
    model = keras.Sequential([keras.Input((6,)), L.Dense(1)])
    nearly = np.full((9, 6), 0.1) * (1 + 1e-7 * RNG.normal(size=(9, 1)))
    with pytest.raises(ValueError, match="gives the constant"):
        lsuv(model, nearly)


@pytest.mark.parametrize(
    "arguments", [{"tolerance": 0.0}, {"max_rounds": 0}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*: {name}={value}"):
        lsuv(dense_net(), VECTORS, **arguments)


def test_a_model_without_layers_to_scale_is_refused():
    model = keras.Sequential([keras.Input((6,)), L.Dense(2), L.ReLU()])
    model.trainable = False
    with pytest.raises(ValueError, match="must call a trainable dense"):
        lsuv(model, VECTORS)


def test_replicas_are_refused():
    with pytest.raises(ValueError, match="of 3 replicas"):
        lsuv(build(Experiment(replicas=3)), VECTORS[:, :2])


def test_the_public_name_loads_no_tensorflow_until_it_is_used():
    code = "import sys, deepxor; assert 'lsuv' in dir(deepxor); "
    code += "assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
