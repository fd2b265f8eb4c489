"""Random mirrors and crops of pictures, as part of a `tf.data` pipeline."""

from __future__ import annotations

import tensorflow as tf


def augment(pictures: tf.Tensor, seed: tf.Tensor, padding: int = 4) -> tf.Tensor:
    """Mirrors half of the pictures and crops each at random from a padded one.

    As Goodfellow et al. 2013 and Mishkin & Matas 2015 do for CIFAR-10. A function of
    its arguments alone.

    Args:
        pictures: [n, height, width, channels].
        seed: Two integers; the same ones give the same pictures.
        padding: Zeros on each side; zero is the mean of what `datasets.load` returns.

    Returns:
        The same shape and type.
    """
    shape = tf.shape(pictures)
    count, height, width = shape[0], shape[1], shape[2]
    edges = [padding, padding]
    padded = tf.pad(pictures, [[0, 0], edges, edges, [0, 0]])
    # Rows and columns of the crops, [n, height] and [n, width].
    rows, columns, mirror = tf.unstack(tf.random.split(_as_seed(seed), 3))
    y = _offsets(rows, count, padding) + tf.range(height)
    x = _offsets(columns, count, padding) + tf.range(width)
    is_mirrored = tf.random.stateless_uniform([count, 1], mirror) < 0.5
    x = tf.where(is_mirrored, tf.reverse(x, axis=[1]), x)
    cropped = tf.gather(padded, y, axis=1, batch_dims=1)
    cropped = tf.gather(cropped, x, axis=2, batch_dims=1)
    return tf.ensure_shape(cropped, pictures.shape)


def augmented(batches: tf.data.Dataset, seed: int, padding: int = 4) -> tf.data.Dataset:
    """Augments the batches of a data set, each time differently.

    Args:
        batches: Of pairs (pictures, labels).
        seed: The same one gives the same pictures in the same epoch.
        padding: As of `augment`.

    Returns:
        A data set of the same pairs.
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)
    return tf.data.Dataset.zip(batches, seeds).map(
        lambda batch, pair: (augment(batch[0], pair, padding), batch[1]),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _as_seed(seed: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(seed), tf.int64)


def _offsets(seed: tf.Tensor, count: tf.Tensor, padding: int) -> tf.Tensor:
    return tf.random.stateless_uniform(
        [count, 1], seed, maxval=2 * padding + 1, dtype=tf.int32
    )
