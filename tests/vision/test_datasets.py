"""Picture sets, read from small files in the formats of the real ones."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile

import keras
import numpy as np
import pytest

from deepxor.vision.dataset_files import (
    CIFAR10_FOLDER,
    CIFAR10_TRAIN,
    FASHION_MNIST_FILES,
    read_cifar10,
    read_fashion_mnist,
)
from deepxor.vision.datasets import (
    DownloadError,
    global_contrast_normalization,
    load,
)

RNG = np.random.default_rng(0)
BATCHES = [*CIFAR10_TRAIN, "test_batch"]


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    """Whatever asks Keras for a file fails, and says so."""

    def load_data():
        raise Exception("URL fetch failure on https://x.invalid:\n no network")

    for dataset in (keras.datasets.cifar10, keras.datasets.fashion_mnist):
        monkeypatch.setattr(dataset, "load_data", load_data)


def cifar_batch(number, protocol=2, size=4):
    """Returns a batch as CIFAR's own: rows of red, green and blue planes."""
    rng = np.random.default_rng(number)
    rows = rng.integers(0, 256, (size, 3072)).astype(np.uint8)
    labels = rng.integers(0, 10, size).tolist()
    batch = {b"batch_label": b"x", b"labels": labels, b"data": rows}
    batch[b"filenames"] = [b"a.png"] * size
    return rows, labels, pickle.dumps(batch, protocol)


def write_cifar(folder, protocol=2):
    folder.mkdir(parents=True)
    for number, name in enumerate(BATCHES):
        (folder / name).write_bytes(cifar_batch(number, protocol)[2])
    return folder


def expected_cifar():
    rows, labels = zip(*(cifar_batch(n)[:2] for n in range(6)), strict=True)
    return np.concatenate(rows[:5]), np.concatenate(labels[:5]), rows[5], labels[5]


def assert_is_cifar(split):
    x_train, y_train, x_test, y_test = split
    rows, labels, test_rows, test_labels = expected_cifar()
    assert x_train.shape == (20, 32, 32, 3) and x_train.dtype == np.uint8
    for picture, row in [*zip(x_train, rows, strict=True), (x_test[3], test_rows[3])]:
        for y, x, colour in [(0, 0, 0), (0, 1, 0), (1, 0, 1), (31, 31, 2), (5, 7, 1)]:
            assert picture[y, x, colour] == row[1024 * colour + 32 * y + x]
    assert y_train.tolist() == labels.tolist() and y_test.tolist() == test_labels


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_cifar10_from_a_folder(tmp_path, protocol):
    folder = write_cifar(tmp_path / CIFAR10_FOLDER, protocol)
    assert_is_cifar(read_cifar10(tmp_path))
    assert_is_cifar(read_cifar10(folder))


def test_cifar10_as_python_2_and_an_old_numpy_wrote_it(tmp_path):
    # Strings are bytes there, and the module has its old name.
    folder = write_cifar(tmp_path / CIFAR10_FOLDER)
    for number, name in enumerate(BATCHES):
        rows, labels, _ = cifar_batch(number)
        (folder / name).write_bytes(old_pickle(rows, labels))
    assert_is_cifar(read_cifar10(tmp_path))


def old_pickle(rows, labels):
    """Writes opcode by opcode what Python 2 wrote with protocol 2."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    content = rows.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85"
    array += short(b"b") + b"tR(K\x01K" + bytes([len(rows)]) + b"M\x00\x0c\x86"
    array += b"cnumpy\ndtype\n(" + short(b"u1") + b"K\x00K\x01tR(K\x03" + short(b"|")
    array += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    array += b"T" + struct.pack("<i", len(content)) + content + b"tb"
    ints = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + short(b"data") + array + short(b"labels") + ints + b"u."


def make_archive(path, folder, kind="w:gz"):
    with tarfile.open(path, kind) as tar:
        tar.add(folder, CIFAR10_FOLDER)
    return path


def test_cifar10_from_the_archive(tmp_path):
    folder = write_cifar(tmp_path / "elsewhere")
    archive = make_archive(tmp_path / "cifar-10-python.tar.gz", folder)
    assert_is_cifar(read_cifar10(tmp_path))
    assert_is_cifar(read_cifar10(archive))
    assert sorted(os.listdir(tmp_path)) == ["cifar-10-python.tar.gz", "elsewhere"]


def test_cifar10_is_preprocessed_as_in_the_paper(tmp_path):
    write_cifar(tmp_path / CIFAR10_FOLDER)
    pictures = load("cifar10", tmp_path)
    x_train, _, x_test, _ = read_cifar10(tmp_path)

    def normalized(x):
        x = x.astype(np.float64).reshape(len(x), -1)
        x = x - x.mean(axis=1, keepdims=True)
        return (x / x.std(axis=1, keepdims=True)).reshape(-1, 32, 32, 3)

    mean = normalized(x_train).mean(axis=0)
    np.testing.assert_allclose(pictures.x_train, normalized(x_train) - mean, atol=1e-5)
    np.testing.assert_allclose(pictures.x_test, normalized(x_test) - mean, atol=1e-5)
    assert pictures.x_train.dtype == pictures.x_test.dtype == np.float32
    assert pictures.name == "cifar10" and pictures.classes == 10


def test_a_picture_of_one_colour_has_no_contrast():
    flat = np.full((2, 32, 32, 3), 77, np.uint8)
    assert not global_contrast_normalization(flat).any()


class Hostile:
    def __reduce__(self):
        return (os.system, ("touch hostile",))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps({b"data": Hostile(), b"labels": [1]}), r"asks for \w+\.system"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "asks for builtins.eval"),
        (b"cnumpy\nload\n(S'x'\ntR.", "asks for numpy.load"),
        (pickle.dumps([1, 2]), "TypeError"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8)}), "KeyError"),
        (pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [1]}), "'f8'"),
        (pickle.dumps({b"data": np.array([{}]), b"labels": [1]}), "'O8'"),
        (
            pickle.dumps({b"data": np.zeros((1, 3072), "u1"), b"labels": ["a"]}),
            "labels",
        ),
        (b"", "EOFError"),
        (b"garbage", "must be a batch of CIFAR-10"),
    ],
)
def test_hostile_or_garbled_batches_are_refused(tmp_path, monkeypatch, content, reason):
    monkeypatch.chdir(tmp_path)
    folder = write_cifar(tmp_path / CIFAR10_FOLDER)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(ValueError, match=f"data_batch_2.*{reason}") as caught:
        load("cifar10", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (
            {b"data": np.zeros((1, 300), "u1"), b"labels": [1]},
            r"3072\). Received: \(1, 300\)",
        ),
        (
            {b"data": np.zeros((0, 3072), "u1"), b"labels": []},
            r"3072\). Received: \(0, 3072\)",
        ),
        ({b"data": np.zeros((2, 3072), "u1"), b"labels": [1]}, "1 labels of 2 pict"),
        (
            {b"data": np.zeros((1, 3072), "u1"), b"labels": [10]},
            "from 0 to 9. Received: 1 other",
        ),
        (
            {b"data": np.zeros((1, 3072), "u1"), b"labels": [10**30]},
            "from 0 to 9. Received: 1 other",
        ),
    ],
)
def test_batches_of_another_content_are_refused(tmp_path, batch, message):
    folder = write_cifar(tmp_path / CIFAR10_FOLDER)
    (folder / "test_batch").write_bytes(pickle.dumps(batch))
    with pytest.raises(ValueError, match=f"test_batch must have .*{message}"):
        read_cifar10(tmp_path)


def test_truncated_files_are_refused(tmp_path):
    folder = write_cifar(tmp_path / CIFAR10_FOLDER)
    archive = make_archive(tmp_path / "cut.tar.gz", folder)
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(
        ValueError, match=r"cut\.tar\.gz must be .*no archive, or a part of one"
    ):
        read_cifar10(archive)
    batch = folder / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:5000])
    with pytest.raises(ValueError, match="data_batch_3 must be a batch of CIFAR-10"):
        read_cifar10(tmp_path)


def test_archives_of_something_else_are_refused(tmp_path):
    folder = write_cifar(tmp_path / "x")
    (folder / "data_batch_4").unlink()
    archive = make_archive(tmp_path / "part.tar.gz", folder)
    with pytest.raises(ValueError, match=r"archive without .*-py/data_batch_4"):
        read_cifar10(archive)
    archive.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="Received: no archive"):
        read_cifar10(archive)


def test_links_in_an_archive_lead_nowhere(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        for name in BATCHES:
            member = tarfile.TarInfo(f"{CIFAR10_FOLDER}/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
        member = tarfile.TarInfo("../outside")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(ValueError, match=r"archive without .*-py/data_batch_1"):
        read_cifar10(tmp_path)
    assert not (tmp_path.parent / "outside").exists()


def idx(array, kind=0x08):
    header = bytes((0, 0, kind, array.ndim)) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return gzip.compress(header + array.tobytes(), compresslevel=1)


def write_fashion(folder, size=28):
    arrays = [
        RNG.integers(0, 256, (30, size, size)).astype(np.uint8),
        np.arange(30, dtype=np.uint8) % 10,
        RNG.integers(0, 256, (7, size, size)).astype(np.uint8),
        np.arange(7, dtype=np.uint8) % 10,
    ]
    folder.mkdir(exist_ok=True)
    for name, array in zip(FASHION_MNIST_FILES, arrays, strict=True):
        (folder / name).write_bytes(idx(array))
    return arrays


def test_fashion_mnist_from_its_files(tmp_path):
    arrays = write_fashion(tmp_path)
    split = read_fashion_mnist(tmp_path)
    for got, expected in zip(split, arrays, strict=True):
        np.testing.assert_array_equal(np.squeeze(got), expected)
    assert split[0].shape == (30, 28, 28, 1)
    pictures = load("fashion_mnist", str(tmp_path))
    x = arrays[0] / 255
    expected = (arrays[2] / 255 - x.mean()) / x.std()
    np.testing.assert_allclose(pictures.x_test[..., 0], expected, atol=1e-5)
    assert pictures.x_train.mean() == pytest.approx(0, abs=1e-6)
    assert pictures.x_train.std() == pytest.approx(1, abs=1e-6)
    assert pictures.classes == 10 and pictures.y_test.tolist() == arrays[3].tolist()


GARBLED_IDX_FILES = {
    "no gzip": (0, b"no gzip", "train-images-idx3-ubyte.gz must be a gzip file"),
    "short": (0, gzip.compress(b"abc"), "must be an idx file of bytes with 3 axes"),
    "float": (
        2,
        idx(np.zeros((2, 3, 3), "u1"), kind=0x0D),
        "t10k-images.*must be an idx file",
    ),
    "two axes": (1, idx(np.zeros((30, 1), "u1")), "train-labels.*with 1 axes"),
    "a label less": (1, idx(np.zeros(29, "u1")), "Received: 29 labels of 30 pictures"),
    "unknown labels": (
        3,
        idx(np.full(7, 200, "u1")),
        "labels from 0 to 9. Received: 7 others",
    ),
    "other size": (2, idx(np.zeros((7, 9, 9), "u1")), "pictures of one size"),
    "cut": (0, idx(np.zeros((30, 28, 28), "u1"))[:-30], "a part of one"),
    "huge": (
        0,
        gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12 + b"1"),
        "a part of one",
    ),
}


# The files have a time in them: names of their own keep the tests' ids the same in
# every worker.
@pytest.mark.parametrize(
    ("number", "content", "message"),
    GARBLED_IDX_FILES.values(),
    ids=GARBLED_IDX_FILES.keys(),
)
def test_garbled_idx_files_are_refused(tmp_path, number, content, message):
    write_fashion(tmp_path)
    (tmp_path / FASHION_MNIST_FILES[number]).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load("fashion_mnist", tmp_path)


def test_a_file_that_grows_beyond_measure_is_refused(tmp_path, monkeypatch):
    write_fashion(tmp_path)
    monkeypatch.setattr("deepxor.vision.dataset_files.MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="must have at most 1000 bytes"):
        load("fashion_mnist", tmp_path)


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist"])
def test_missing_files_are_named_and_nothing_is_downloaded(tmp_path, dataset):
    with pytest.raises(ValueError, match=r"must be a folder with .*has no ") as e:
        load(dataset, tmp_path / "nowhere")
    assert not isinstance(e.value, DownloadError)


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist"])
def test_a_download_that_fails_says_in_one_line_what_to_do(dataset):
    with pytest.raises(DownloadError) as caught:
        load(dataset)
    message = str(caught.value)
    assert "\n" not in message and "no network" in message
    assert "--data_dir" in message and ".gz" in message


@pytest.mark.parametrize(
    ("dataset", "shape"), [("cifar10", (32, 32, 3)), ("fashion_mnist", (28, 28))]
)
def test_what_keras_downloads(monkeypatch, dataset, shape):
    # Keras's own shapes: CIFAR-10's labels in a column, Fashion-MNIST without channels.
    x = RNG.integers(0, 256, (20, *shape)).astype(np.uint8)
    y = (np.arange(20) % 10).astype(np.uint8)
    y = y[:, None] if dataset == "cifar10" else y
    module = getattr(keras.datasets, dataset)
    monkeypatch.setattr(module, "load_data", lambda: ((x, y), (x[:5], y[:5])))
    pictures = load(dataset)
    assert pictures.x_train.shape == (20, *shape[:2], 3 if len(shape) == 3 else 1)
    assert pictures.y_test.tolist() == [0, 1, 2, 3, 4]


def test_digits():
    from sklearn.datasets import load_digits

    pictures, again = load("digits"), load("digits")
    np.testing.assert_array_equal(pictures.x_test, again.x_test)
    assert pictures.x_train.shape[1:] == (8, 8, 1)
    assert len(pictures.x_train) + len(pictures.x_test) == 1797
    assert pictures.classes == 10
    train, test = np.bincount(pictures.y_train), np.bincount(pictures.y_test)
    np.testing.assert_allclose(test / (train + test), 0.2, atol=0.01)
    assert pictures.x_train.mean() == pytest.approx(0, abs=1e-6)
    assert pictures.x_train.std() == pytest.approx(1, abs=1e-6)
    # Every picture of scikit-learn's is there once, with its label.
    both = np.concatenate([pictures.x_train, pictures.x_test]).reshape(1797, 64)
    labels = np.concatenate([pictures.y_train, pictures.y_test])
    scale = np.unique(both)
    pixels = np.searchsorted(scale, both)
    x, y = load_digits(return_X_y=True)
    expected = sorted(zip(x.astype(int).tolist(), y.tolist(), strict=True))
    assert sorted(zip(pixels.tolist(), labels.tolist(), strict=True)) == expected


def test_digits_have_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"`data_dir` must .*: dataset='digits'"):
        load("digits", tmp_path)


def test_digits_need_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'deepxor\[images\]'"):
        load("digits")


def test_a_set_that_is_none():
    with pytest.raises(ValueError, match=r"one of digits, fash.* dataset='mnist'"):
        load("mnist")


def test_flags_can_be_checked_without_tensorflow_and_scikit_learn():
    code = "import sys, deepxor.vision.datasets; "
    code += "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
