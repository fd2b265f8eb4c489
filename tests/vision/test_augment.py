"""Mirrors and crops against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from deepxor.vision.augment import augment, augmented

# Every pixel is another number, so that each crop can be told.
PICTURES = np.arange(1, 64 * 6 * 7 * 3 + 1, dtype=np.float32).reshape(64, 6, 7, 3)


def crops(picture, padding):
    """Yields (row, column, is mirrored) and the crop, for all of a padded picture."""
    edges = ((padding, padding), (padding, padding), (0, 0))
    height, width, _ = picture.shape
    padded = np.pad(picture, edges)
    for y in range(2 * padding + 1):
        for x in range(2 * padding + 1):
            crop = padded[y : y + height, x : x + width]
            yield (y, x, False), crop
            yield (y, x, True), crop[:, ::-1]


def places(augmented_pictures, padding):
    return [
        [key for key, crop in crops(old, padding) if np.array_equal(crop, new)]
        for old, new in zip(PICTURES, augmented_pictures.numpy(), strict=True)
    ]


def test_every_picture_is_a_crop_of_itself_or_its_mirror_image():
    found = places(augment(PICTURES, (1, 2), padding=2), 2)
    assert all(len(keys) == 1 for keys in found)
    rows, columns, mirrored = zip(*(keys[0] for keys in found), strict=True)
    assert set(rows) == set(columns) == set(range(5))
    # Independent of one another: 64 draws of a fair coin, five standard deviations.
    assert 12 <= sum(mirrored) <= 52
    assert len(set(zip(rows, columns, mirrored, strict=True))) > 20


def test_without_padding_only_mirrors_are_left():
    found = places(augment(PICTURES, (1, 2), padding=0), 0)
    assert {keys[0][:2] for keys in found} == {(0, 0)}
    assert len({keys[0] for keys in found}) == 2


def test_the_seed_decides():
    first, again, other = (augment(PICTURES, (s, 0)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_shape_and_type_stay(dtype):
    pictures = PICTURES.astype(dtype)
    result = tf.function(augment)(pictures, (0, 0))
    assert result.shape == pictures.shape and result.dtype == dtype


def batches():
    y = np.arange(64)
    return tf.data.Dataset.from_tensor_slices((PICTURES, y)).batch(16)


def epoch(dataset):
    x, y = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(x), np.concatenate(y)


def test_every_epoch_is_another_and_the_same_again():
    first, second = augmented(batches(), 3), augmented(batches(), 3)
    runs = [[epoch(dataset)[0] for _ in range(3)] for dataset in (first, second)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert not np.array_equal(runs[0][1], runs[0][2])
    assert not np.array_equal(runs[0][0], epoch(augmented(batches(), 4))[0])


def test_batches_differ_within_an_epoch_and_labels_stay():
    same = np.repeat(PICTURES[:1], 32, axis=0)
    dataset = tf.data.Dataset.from_tensor_slices((same, np.arange(32))).batch(16)
    x, y = epoch(augmented(dataset, 0))
    assert y.tolist() == list(range(32))
    assert not np.array_equal(x[:16], x[16:])
    spec = augmented(batches(), 0).element_spec
    assert spec[0].shape.as_list() == [None, 6, 7, 3]
