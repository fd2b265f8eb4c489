"""Random mirrors and crops of pictures, as part of a `tf.data` pipeline."""

from __future__ import annotations

import tensorflow as tf


def augment(pictures: tf.Tensor, seed: tf.Tensor, padding: int = 4) -> tf.Tensor:
    """Mirrors half of the pictures and crops each at random from a padded one.

    Goodfellow et al. 2013 and Mishkin & Matas 2015 do so for CIFAR-10. The result
    depends on the arguments alone.

    Args:
        pictures: Pictures [n, height, width, channels].
        seed: Two integers; the same integers give the same pictures.
        padding: The width in pixels of the zeros on each side. Zero is the mean of the
            pictures that `datasets.load` returns.

    Returns:
        Pictures of the same shape and type.
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
        batches: A data set of pairs (pictures, labels).
        seed: An integer; the same integer gives the same pictures in the same epoch.
        padding: The width in pixels of the zeros on each side.

    Returns:
        A data set of pairs of augmented pictures and the same labels.
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
