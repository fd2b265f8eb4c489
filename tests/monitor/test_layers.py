"""Which layers there are, in which order, and whose units an activation acts on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deepxor
from deepxor.monitor.layers import named_rows

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
GRAPH, XLA, EAGER = {"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}
HOW = pytest.mark.parametrize(
    "options", [GRAPH, XLA, EAGER], ids=["graph", "XLA", "eager"]
)


def recorded(model, x=X, y=Y, **options):
    model.compile(keras.optimizers.SGD(0.01), "mse", **options)
    monitor = deepxor.GradientMonitor(every=1)
    model.fit(x, y, 64, shuffle=False, verbose=0, callbacks=[monitor])
    assert "recording" not in monitor.history["notes"]
    return monitor.history


class Backwards(keras.Model):
    """Declares its layers in another order than data passes them."""

    def __init__(self):
        super().__init__()
        self.head = L.Dense(1, name="head")
        self.body = [L.Dense(4, "tanh", name=f"h{i}") for i in range(3)]
        self.unused = L.Dense(2, name="unused")

    def call(self, x):
        self.unused(x)
        for layer in self.body:
            x = layer(x)
        return self.head(x)


@HOW
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_layers_stand_in_the_order_in_which_data_passes_them(options):
    # What the loss does not depend on comes last.
    expected = ["h0", "h1", "h2", "head", "unused"]
    assert recorded(Backwards(), **options)["layer"] == expected


class Stack(L.Layer):
    def __init__(self, depth=2, scale=False, **kwargs):
        super().__init__(**kwargs)
        self.parts = [L.Dense(8, "tanh", name=f"part{i}") for i in range(depth)]
        self.scaled = scale

    def build(self, shape):
        for part in self.parts:
            part.build(shape)
        if self.scaled:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x * self.scale if self.scaled else x


class Net(Stack):
    """A layer of layers of layers."""

    def __init__(self, **kwargs):
        super().__init__(0, **kwargs)
        self.parts = [Stack(2, name="first"), Stack(1, scale=True, name="second")]


@HOW
def test_layers_inside_a_layer_of_somebodys_own_are_rows(options):
    model = keras.Sequential([keras.Input((8,)), Net(name="net"), L.Dense(1, name="o")])
    history = recorded(model, **options)
    assert history["layer"] == [
        "net/first/part0", "net/first/part1", "net/second/part0", "net/second", "o",
    ]  # fmt: skip
    assert np.isfinite(history["saturated_fraction"][0, :3]).all()
    assert np.isnan(history["saturated_fraction"][0, 3:]).all()
    assert sum(len(row.variables) for row in named_rows(model)) == len(
        model.trainable_variables
    )


class OwnBlock(L.Wrapper):
    def call(self, x):
        return self.layer(x)


class OwnAttention(L.MultiHeadAttention):
    pass


def test_a_layer_of_keras_that_is_made_of_layers_is_one_row():
    tokens = keras.Input((5, 8))
    x = L.Bidirectional(L.GRU(4, return_sequences=True), name="both")(tokens)
    x = OwnAttention(2, 4, name="attention")(x, x)
    x = L.TimeDistributed(L.Dense(4, "relu"), name="each")(x)
    x = OwnBlock(L.Dense(4, name="inside"), name="block")(x)
    model = keras.Model(tokens, L.Dense(1, name="o")(L.Flatten()(x)))
    history = recorded(model, RNG.normal(size=(64, 5, 8)).astype(np.float32))
    expected = ["both", "attention", "each", "block/inside", "o"]
    assert history["layer"] == expected


def dead_relu_in_one_branch():
    """Returns a model of two branches, with a ReLU that is dead in the left one."""
    x = keras.Input((8,))
    always_negative = keras.initializers.Constant(-100.0)
    # Both first, then both activations: by their positions both ReLUs were the right's.
    left = L.Dense(8, name="left", bias_initializer=always_negative)(x)
    right = L.Dense(8, name="right")(x)
    left, right = L.ReLU()(left), L.ReLU()(right)
    return keras.Model(x, L.Dense(1, name="o")(L.Concatenate()([left, right])))


class Branches(keras.Model):
    """The same, written as a class; with raw operations in between."""

    def __init__(self):
        super().__init__()
        self.relus = [L.ReLU(), L.ReLU()]
        self.right = L.Dense(8, name="right")
        bias = keras.initializers.Constant(-100.0)
        self.left = L.Dense(8, name="left", bias_initializer=bias)
        self.out = L.Dense(1, name="o")

    def call(self, x):
        left, right = self.left(x), self.right(x)
        left, right = self.relus[0](left * 1.5), self.relus[1](right + 0.1)
        return self.out(tf.concat([left, right], axis=1))


@pytest.mark.parametrize("options", [GRAPH, XLA], ids=["graph", "XLA"])
@pytest.mark.parametrize("make", [dead_relu_in_one_branch, Branches])
def test_an_activation_belongs_to_the_branch_it_stands_in(make, options):
    history = recorded(make(), **options)
    dead = dict(zip(history["layer"], history["dead_fraction"][0], strict=True))
    assert dead["left"] == 1 and dead["right"] < 1 and np.isnan(dead["o"])


def test_eager_branches_of_layers_are_kept_apart_too():
    history = recorded(dead_relu_in_one_branch(), **EAGER)
    dead = dict(zip(history["layer"], history["dead_fraction"][0], strict=True))
    assert dead["left"] == 1 and dead["right"] < 1


def test_behind_an_addition_an_activation_belongs_to_the_layer_called_last():
    x = keras.Input((8,))
    first = L.Dense(8, name="first")(x)
    second = L.Dense(8, name="second")(L.ReLU()(first))
    out = L.ReLU()(L.Add()([first, second]))
    model = keras.Model(x, L.Dense(1, name="o")(out))
    history = recorded(model)
    assert np.isfinite(history["dead_fraction"][0, :2]).all()


def test_behind_a_frozen_layer_an_activation_belongs_to_none():
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8, name="a"), L.Dense(8, trainable=False),
         L.ReLU(), L.Dense(1, name="o")]
    )  # fmt: skip
    history = recorded(model)
    assert history["layer"] == ["a", "o"]
    assert np.isnan(history["dead_fraction"]).all()


def test_of_channels_first_the_units_are_the_channels():
    bias = np.array([0, 0, -100, 0], np.float32)
    found = []
    pictures = RNG.normal(size=(64, 8, 8, 2)).astype(np.float32)
    for data_format in ("channels_last", "channels_first"):
        keras.utils.set_random_seed(0)
        is_first = data_format == "channels_first"
        x = np.moveaxis(pictures, -1, 1) if is_first else pictures
        model = keras.Sequential(
            [
                keras.Input(x.shape[1:]),
                L.Conv2D(4, 3, activation="relu", data_format=data_format),
                L.Conv2D(4, 3, data_format=data_format),
                L.BatchNormalization(axis=1 if is_first else -1),
                L.ReLU(),
                L.Flatten(),
                L.Dense(1),
            ]
        )
        model.layers[0].bias.assign(bias)
        model.layers[2].beta.assign(bias)
        found.append(recorded(model, x, **GRAPH)["dead_fraction"][0])
    np.testing.assert_array_equal(*found)
    assert found[0][[0, 2]].tolist() == [0.25, 0.25]


def test_of_a_shared_activation_a_unit_is_dead_that_is_dead_in_all_calls():
    x = keras.Input((8,))
    shared = L.Dense(6, "relu", name="shared")
    model = keras.Model(x, L.Dense(1, name="o")(shared(x) + shared(-x)))
    kernel, bias = RNG.normal(size=(8, 6)) * 0.3, np.full(6, -1.5)
    shared.set_weights([kernel, bias])
    history = recorded(model, X[:32], Y[:32])
    calls = [np.maximum(sign * X[:32] @ kernel + bias, 0) for sign in (1, -1)]
    expected = (np.concatenate(calls) == 0).all(axis=0).mean()
    np.testing.assert_allclose(history["dead_fraction"][0, 0], expected)
