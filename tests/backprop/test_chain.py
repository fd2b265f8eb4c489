"""Taking Keras models apart."""

import keras
import numpy as np
import pytest

from deepxor.backprop.chain import keras_chain

L = keras.layers
X, Y = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)


def compiled(model):
    model.compile("sgd", "mse")
    return model


def sequential(*layers):
    return compiled(keras.Sequential([keras.Input((2,)), *layers]))


def names(model, x=X, y=Y):
    return [link.name for link in keras_chain(model, x, y, training=True).links]


def test_activations_are_split_off_and_found_again():
    dense = L.Dense(3, activation="tanh", name="dense")
    model = sequential(dense, L.LeakyReLU(name="leaky"), L.Dense(1, name="last"))
    chain = keras_chain(model, X, Y, training=True)
    first, leaky, last = chain.links
    x = chain.x
    z = X @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(first.linear(x), z, rtol=1e-6)
    np.testing.assert_allclose(first.activation(first.linear(x)), np.tanh(z), rtol=1e-6)
    np.testing.assert_array_equal(first.kernel, dense.kernel)
    assert leaky.linear(x) is x and leaky.kernel is None
    assert last.activation is None
    assert dense.activation is keras.activations.tanh  # put back


def test_an_activation_that_is_a_layer_is_put_back():
    activation = L.LeakyReLU()
    dense = L.Dense(3, activation=activation)
    model = sequential(dense, L.Dense(1))
    variables = len(model.variables)
    keras_chain(model, X, Y, training=True)
    assert dense.activation is activation and len(model.variables) == variables


def test_functional_chains_and_inner_models_are_walked_through():
    x = keras.Input((2,))
    shared = L.Dense(2, name="shared")
    inner = keras.Sequential(
        [keras.Input((2,)), L.Dense(3, name="a"), L.Dense(1, name="b")], name="inner"
    )
    scaled = keras.ops.relu(x / 255)
    model = compiled(keras.Model(x, inner(shared(shared(scaled)))))
    assert names(model)[-4:] == ["shared", "shared_2", "inner/a", "inner/b"]
    assert len(names(model)) == 6


def test_a_model_of_inner_outputs_begins_at_its_own_input():
    base = keras.Sequential([keras.Input((2,)), L.Dense(3), L.Dense(2, name="middle")])
    first, middle = base.layers
    model = keras.Model(first.output, L.Dense(1, name="new")(middle.output))
    assert names(compiled(model), np.ones((4, 3))) == ["middle", "new"]


def branching():
    x = keras.Input((2,))
    h = L.Dense(2, name="h")(x)
    return compiled(keras.Model(x, L.Dense(1)(L.Add(name="sum")([h, x]))))


class Subclassed(keras.Model):
    def call(self, x):
        return x


def two_inputs():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    return compiled(keras.Model(inputs, L.Dense(1)(L.Add()(inputs))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: keras.Sequential([keras.Input((2,)), L.Dense(1)]),
            "must be compiled with a loss",
        ),
        (
            lambda: compiled(Subclassed(name="mine")),
            "Functional, .*'mine' of type Subclassed",
        ),
        (lambda: compiled(keras.Sequential([L.Dense(1)])), "must be built.*not built"),
        (branching, "'sum' of model .* with 2 inputs"),
        (two_inputs, "one input and one output.*with 2 inputs"),
        (lambda: sequential(L.Dense(1, activity_regularizer="l2")), "loss of its own"),
        (lambda: "a model", "must be a keras.Model. Received: model='a model'"),
    ],
)
def test_what_is_no_chain_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        keras_chain(make(), X, Y, training=True)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((4, 3)), Y, r"\(None, 2\).*\(4, 3\)"),
        (np.ones(4), Y, r"\(4,\)"),
        (X, Y[:3], r"Received: len\(x\)=4, len\(y\)=3"),
        (X[:0], Y[:0], r"Received: len\(x\)=0"),
    ],
)
def test_a_batch_that_does_not_suit_the_model_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        keras_chain(sequential(L.Dense(1)), x, y, training=True)


def test_a_layer_that_passes_on_more_than_its_output_is_refused():
    """A mask is lost where an activation is split off, so the output would differ."""
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            L.Embedding(7, 3, mask_zero=True),
            L.Dense(3, activation="tanh"),
            L.GlobalAveragePooling1D(),
            L.Dense(1),
        ]
    )
    x = np.array([[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]])
    with pytest.raises(ValueError, match="masks"):
        keras_chain(compiled(model), x, Y[:2], training=True)
