"""Models of many kinds, each with data and with the layers that the monitor names."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

L = keras.layers
BATCH, BATCHES = 8, 3


@dataclass(frozen=True)
class Case:
    """A model to fit.

    Attributes:
        build: Returns the model, not compiled.
        x, y: Data of `BATCHES` batches.
        layers: Names in forward order, each the path that its variables begin with.
        loss: As in `compile`.
        options: Of `fit`.
    """

    build: Callable[[], keras.Model]
    x: np.ndarray
    y: np.ndarray
    layers: tuple[str, ...]
    loss: str = "mse"
    options: dict = field(default_factory=dict)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


N = BATCH * BATCHES
X, Y = random(N, 6), random(N, 1, seed=1)
TOKENS = np.random.default_rng(2).integers(0, 10, (N, 5))
IMAGES = random(N, 8, 8, 1)


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            L.Dense(5, "tanh", name="first"),
            L.Dense(4, "relu", name="second"),
            L.Dense(1, name="output"),
        ]
    )


def branches():
    x = keras.Input((6,))
    shared = L.Dense(6, "elu", name="shared")
    left = L.Dense(3, "gelu", name="left")(shared(x))
    right = L.Dense(3, "silu", name="right")(shared(shared(x)))
    return keras.Model(x, L.Dense(1, name="output")(L.add([left, right])))


def nested():
    inner = [
        keras.Sequential([keras.Input((6,)), L.Dense(4, "selu", name="d")], name=name)
        for name in ("left", "right")
    ]
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(1, name="output")(L.add([m(x) for m in inner])))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = L.Dense(4, "softplus", name="first")
        self.second = L.Dense(1, name="second")

    def call(self, x):
        return self.second(self.first(x))


class OwnStep(Subclassed):
    """Trains on thrice the loss, with a tape and an update of its own."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = own_loss(self, x, y)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def own_loss(model, x, y):
    return 3 * tf.reduce_mean((model(x, training=True) - tf.cast(y, tf.float32)) ** 2)


def convolutions():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Conv2D(4, 3, use_bias=False, name="conv"),
            L.BatchNormalization(name="norm"),
            L.ReLU(),
            L.SeparableConv2D(3, 3, activation="leaky_relu", name="separable"),
            L.GlobalAveragePooling2D(),
            L.Dense(1, name="output"),
        ]
    )


def recurrent():
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            L.Embedding(10, 4, name="embedding"),
            L.LSTM(3, name="lstm"),
            L.Dense(1, name="output"),
        ]
    )


def transformer():
    tokens = keras.Input((5,), dtype="int32")
    x = L.Embedding(10, 4, name="embedding")(tokens)
    x = L.LayerNormalization(name="norm")(
        x + L.MultiHeadAttention(2, 2, name="attention")(x, x)
    )
    return keras.Model(tokens, L.Dense(1, name="output")(L.GlobalMaxPooling1D()(x)))


def frozen():
    model = sequential()
    model.get_layer("second").trainable = False
    return model


class Unused(Subclassed):
    """Has a layer that the loss does not depend on."""

    def __init__(self):
        super().__init__()
        self.aside = L.Dense(2, name="aside")

    def call(self, x):
        self.aside(x)
        return super().call(x)


CASES = {
    "sequential": Case(sequential, X, Y, ("first", "second", "output")),
    "branches": Case(branches, X, Y, ("shared", "left", "right", "output")),
    "nested": Case(nested, X, Y, ("left/d", "right/d", "output")),
    "subclassed": Case(Subclassed, X, Y, ("first", "second")),
    "own train_step": Case(OwnStep, X, Y, ("first", "second")),
    "convolutions": Case(
        convolutions, IMAGES, Y, ("conv", "norm", "separable", "output")
    ),
    "recurrent": Case(recurrent, TOKENS, Y, ("embedding", "lstm", "output")),
    "transformer": Case(
        transformer, TOKENS, Y, ("embedding", "attention", "norm", "output")
    ),
    "frozen": Case(frozen, X, Y, ("first", "output")),
    "unused": Case(Unused, X, Y, ("first", "second", "aside")),
    "sample weights": Case(
        sequential, X, Y, ("first", "second", "output"),
        options={"sample_weight": np.linspace(0, 2, N)},
    ),
    "class weights": Case(
        sequential, X, (Y > 0).astype(np.float32), ("first", "second", "output"),
        options={"class_weight": {0: 1.0, 1: 3.0}},
    ),
}  # fmt: skip


def make(case, **options):
    """Returns the model of a case, compiled, the same each time."""
    keras.utils.set_random_seed(1)
    model = case.build()
    options.setdefault("optimizer", keras.optimizers.SGD(0.05))
    model.compile(loss=case.loss, **options)
    if not model.built:
        model.build(case.x.shape)
    return model


def fit(model, case, callbacks=(), epochs=2, **options):
    model.fit(
        case.x, case.y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0,
        callbacks=list(callbacks), **case.options, **options,
    )  # fmt: skip


class Tape(keras.callbacks.Callback):
    """Computes gradients anew, eagerly, before each batch is trained on.

    Attributes:
        gradients: A dict a batch: layer -> its gradients' elements.
        weights: The same of the weights before the batch.
        losses: One a batch.
    """

    def __init__(self, case):
        super().__init__()
        self.case = case
        self.gradients, self.weights, self.losses = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        model, case = self.model, self.case
        rows = slice(BATCH * batch, BATCH * batch + BATCH)
        x, y = tf.constant(case.x[rows]), tf.constant(case.y[rows])
        with tf.GradientTape() as tape:
            loss = self._loss(model, x, y, rows)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.losses.append(float(loss))
        by_layer = {name: [] for name in case.layers}
        weights = {name: [] for name in case.layers}
        for gradient, variable in zip(gradients, variables, strict=True):
            name = max(
                (n for n in case.layers if f"/{n}/" in f"/{variable.path}"), key=len
            )
            weights[name].append(np.ravel(variable.numpy()))
            if gradient is not None:
                by_layer[name].append(np.ravel(tf.convert_to_tensor(gradient)))
        self.gradients.append(_joined(by_layer))
        self.weights.append(_joined(weights))

    def _loss(self, model, x, y, rows):
        if isinstance(model, OwnStep):
            return own_loss(model, x, y)
        weight = self.case.options.get("sample_weight")
        classes = self.case.options.get("class_weight")
        if classes:
            weight = np.array([classes[int(c)] for c in self.case.y[:, 0]])
        outputs = tf.cast(model(x, training=True), tf.float32)
        errors = (outputs - tf.cast(y, tf.float32))[:, 0] ** 2
        if weight is None:
            return tf.reduce_mean(errors)
        return tf.reduce_mean(errors * tf.cast(weight[rows], tf.float32))

    def each(self, function, of="gradients"):
        """Returns [batches, layers] of a function of a layer's elements."""
        rows = getattr(self, of)
        return np.array([[function(row[n]) for n in self.case.layers] for row in rows])


def _joined(parts):
    return {n: np.concatenate([*p, np.zeros(0, np.float32)]) for n, p in parts.items()}
