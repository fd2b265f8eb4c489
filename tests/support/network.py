"""A small network and its data, for tests of the monitor."""

import keras
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype(np.float32)
Y = RNG.normal(size=(64, 1)).astype(np.float32)


def make_model(**options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, "tanh", name="first"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(4, "relu", name="second"),
            keras.layers.Dense(1, name="output"),
        ]
    )
    model.compile("sgd", "mse", **options)
    return model


def fit(model, callbacks=(), epochs=2):
    model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0,
        callbacks=list(callbacks),
    )  # fmt: skip
