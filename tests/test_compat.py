"""What is used of Keras and TensorFlow that they do not document: see compat.py.

Also run with the oldest Keras that setup.cfg allows.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepxor import compat

L = keras.layers


class Block(L.Layer):
    def __init__(self):
        super().__init__()
        self.parts = [L.Dense(2, name="a"), L.Dense(2, name="b")]
        self.last = L.Dense(2, name="c")

    def call(self, x):
        return self.last(self.parts[1](self.parts[0](x)))


def test_sublayers_are_those_of_the_attributes_in_their_order():
    assert [layer.name for layer in compat.sublayers(Block())] == ["a", "b", "c"]


def test_parts_are_all_that_is_inside_and_the_layer():
    outer = keras.Sequential([keras.Input((2,)), Block()])
    names = {layer.name for layer in compat.parts(outer)}
    assert {"a", "b", "c", outer.name} <= names


def test_known_variables_are_those_an_optimizer_was_built_for():
    model = keras.Sequential([keras.Input((2,)), L.Dense(3)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    assert compat.known_variables(optimizer) == model.trainable_variables


def own():
    return 0


@pytest.mark.parametrize(
    ("thing", "is_of_keras"),
    [
        (keras.losses.MeanSquaredError, True),
        (keras.losses.mean_squared_error, True),
        (keras.activations.relu, True),
        (L.LSTMCell, True),
        (Block, False),
        (own, False),
    ],
)
def test_what_keras_defines(thing, is_of_keras):
    assert compat.is_of_keras(thing) == is_of_keras


class OwnDense(L.Dense):
    pass


class OwnWrapper(L.Wrapper):
    pass


@pytest.mark.parametrize(
    ("make", "is_composite"),
    [
        (lambda: L.Bidirectional(L.LSTM(2)), True),
        (lambda: L.MultiHeadAttention(2, 2), True),
        (lambda: OwnDense(2), True),
        (Block, False),
        (lambda: OwnWrapper(L.Dense(2)), False),
        (lambda: keras.Sequential([L.Dense(2)]), False),
    ],
)
def test_which_layers_are_one_row(make, is_composite):
    assert compat.is_composite(make()) == is_composite


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "PReLU", "Activation"])
def test_activation_layers(name):
    layer = getattr(L, name)(*(["relu"] if name == "Activation" else []))
    assert compat.is_activation_layer(layer)
    assert not compat.is_activation_layer(L.Dense(1))


def test_a_function_of_another_python_function_has_the_same_options():
    class Step:
        @tf.function(jit_compile=True)
        def run(self, x):
            return x + 1 if x > 0 else x

    seen = []

    def wrap(python_function):
        def wrapped(*args):
            seen.append(args)
            return python_function(*args)

        return wrapped

    step = Step().run
    step(tf.constant(1.0))
    other = compat.of_python_function(step, wrap)
    assert float(other(tf.constant(1.0))) == 2 and len(seen) == 1
    assert "fusion" in other.experimental_get_compiler_ir(tf.constant(1.0))(
        stage="optimized_hlo"
    ) or "HloModule" in other.experimental_get_compiler_ir(tf.constant(1.0))(
        stage="optimized_hlo"
    )
    assert compat.of_python_function(own, wrap)() == 0


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_a_copy_without_dropout_has_the_weights_and_draws_nothing(kind):
    layer = getattr(L, kind)(3, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    layer.build(x.shape)
    state = [v.numpy().copy() for v in layer.variables]
    without = compat.without_dropout(layer)
    plain = getattr(L, kind)(3)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    first = layer.get_initial_state(batch_size=2)
    first = list(first) if isinstance(first, list | tuple) else [first]
    found, _, _ = without.inner_loop(tf.constant(x), first, None, training=False)
    np.testing.assert_allclose(found, plain(x), rtol=1e-6)
    for a, b in zip(state, layer.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    assert getattr(layer.cell, "_dropout_mask", None) is None
    assert layer.cell.dropout == 0.5


def test_attributes_are_replaced_for_a_while():
    layer = L.Dense(2, "relu")
    with compat.replaced(layer, "activation", 5), compat.replaced(layer, "other", 1):
        assert layer.activation == 5 and layer.other == 1
    assert layer.activation is keras.activations.relu and not hasattr(layer, "other")


def graph_of(function):
    return tf.function(function).get_concrete_function(tf.zeros([2])).graph


@pytest.mark.parametrize(
    ("function", "has_state"),
    [
        (lambda x: x + tf.random.normal([2]), True),
        (lambda x: x * tf.random.uniform([2]), True),
        (lambda x: tf.cond(x[0] > 0, lambda: tf.random.normal([2]), lambda: x), True),
        (lambda x: x + tf.random.stateless_normal([2], [1, 2]), False),
        (lambda x: tf.tanh(x), False),
    ],
)
def test_random_numbers_of_a_graphs_own(function, has_state):
    assert compat.has_random_state(graph_of(function)) == has_state


def test_a_generator_of_keras_is_none_of_a_graphs_own():
    seed = keras.random.SeedGenerator(1)
    graph = graph_of(lambda x: x + keras.random.normal((2,), seed=seed))
    assert not compat.has_random_state(graph)


VARIABLE = tf.Variable(1.0)


@pytest.mark.parametrize(
    ("function", "has_state"),
    [
        (lambda x: tf.tanh(x), False),
        (lambda x: tf.where(x > 0, x, 0.1 * x), False),
        (lambda x: x * VARIABLE, True),
        (lambda x: x + tf.random.normal([2]), True),
        (lambda x: tf.py_function(lambda y: y, [x], tf.float32), True),
    ],
)
def test_functions_that_read_or_change_something(function, has_state):
    traced = tf.function(function).get_concrete_function(tf.zeros([2]))
    assert compat.has_state(traced) == has_state


def test_whether_a_train_function_was_traced():
    model = keras.Sequential([keras.Input((2,)), L.Dense(1)])
    model.compile("sgd", "mse")
    model.make_train_function()
    assert not compat.was_traced(model.train_function)
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    assert compat.was_traced(model.train_function)
    assert not compat.was_traced(None)


def test_the_producer_of_a_tensor_is_the_layer_that_gives_it():
    inputs = keras.Input((2,))
    layer = L.Dense(3)
    outputs = layer(inputs)
    found, node = compat.producer(outputs)
    assert found is layer
    assert node.input_tensors == [inputs] and node.output_tensors == [outputs]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_a_stateless_optimizer_gives_a_scope_what_the_stock_one_gives_variables(name):
    stock = getattr(keras.optimizers, name)
    variables = [keras.Variable(np.ones((2, 3), np.float32)) for _ in range(2)]
    gradient = tf.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    optimizers = [kind(0.1) for kind in (stock, compat.stateless_optimizer(stock))]
    for optimizer, variable in zip(optimizers, variables, strict=True):
        optimizer.build([variable])
    optimizers[0].apply([gradient], [variables[0]])
    with keras.StatelessScope() as scope:
        optimizers[1].apply([gradient], [variables[1]])
    assert (variables[1].numpy() == 1).all()
    updated = scope.get_current_value(variables[1])
    np.testing.assert_array_equal(updated, variables[0].numpy())


def test_the_mask_of_a_tensor_is_that_of_its_layer():
    layer = keras.layers.Embedding(3, 2, mask_zero=True)
    ids = np.array([[0, 1, 2], [2, 0, 0]])
    np.testing.assert_array_equal(compat.mask_of(layer(ids)), ids > 0)
    assert compat.mask_of(keras.layers.Dense(1)(np.ones((2, 3)))) is None


def test_compiled_metrics_are_those_given_to_compile():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert compat.compiled_metrics(model) is None
    metrics = ["mae", keras.metrics.MeanSquaredError()]
    model.compile("sgd", "mse", metrics=metrics)
    assert list(compat.compiled_metrics(model)) == metrics
