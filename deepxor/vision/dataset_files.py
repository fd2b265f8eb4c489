"""Readers of picture sets in their published formats; no file is trusted."""

from __future__ import annotations

import gzip
import io
import math
import pickle
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

# The training pictures, uint8 [n, height, width, channels], their labels, int64 [n],
# and the pictures and labels of the test.
Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

# The limit of a file's uncompressed size in bytes. The largest of the published files
# has 47 million.
MAX_BYTES = 2**27

CLASSES = 10
CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_ARCHIVE = "cifar-10-python.tar.gz"
CIFAR10_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
CIFAR10_TEST = "test_batch"
# The height and width of one colour; a row of a batch holds red, green and blue.
CIFAR10_PLANE = (32, 32)

FASHION_MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# The third byte of an idx file: its elements are unsigned bytes.
IDX_UINT8 = 0x08

NEEDED_FILES: Mapping[str, str] = {
    "cifar10": f"{CIFAR10_ARCHIVE}, or {CIFAR10_FOLDER}/ with "
    f"{CIFAR10_TRAIN[0]} to 5 and {CIFAR10_TEST}",
    "fashion_mnist": ", ".join(FASHION_MNIST_FILES),
}


def read_cifar10(data_dir: Path) -> Split:
    """Reads CIFAR-10 (Krizhevsky 2009) in its version for Python.

    Args:
        data_dir: The folder that holds the archive or the folder of the archive; or
            one of these two itself.

    Returns:
        The pictures, uint8 [n, 32, 32, 3], and labels, int64 [n], of the training and
        of the test.

    Raises:
        ValueError: If a file is missing or has another content.
        OSError: If a file cannot be read.
    """
    read = _cifar10_reader(data_dir)
    parts = [_read_batch(name, read) for name in (*CIFAR10_TRAIN, CIFAR10_TEST)]
    *train, (x_test, y_test) = parts
    x_train, y_train = (np.concatenate(part) for part in zip(*train, strict=True))
    return x_train, y_train, x_test, y_test


def read_fashion_mnist(data_dir: Path) -> Split:
    """Reads Fashion-MNIST (Xiao, Rasul & Vollgraf 2017) from its four idx files.

    Args:
        data_dir: The folder that holds the files, compressed as they are published.

    Returns:
        The pictures, uint8 [n, 28, 28, 1], and labels, int64 [n], of the training and
        of the test.

    Raises:
        ValueError: If a file is missing or has another content.
        OSError: If a file cannot be read.
    """
    arrays = []
    for number, name in enumerate(FASHION_MNIST_FILES):
        path = data_dir / name
        if not path.is_file():
            raise _missing(name, data_dir, "fashion_mnist")
        arrays.append(_read_idx(path, axes=1 if number % 2 else 3))
    x_train, y_train, x_test, y_test = arrays
    for x, y in ((x_train, y_train), (x_test, y_test)):
        _check_labels(y, len(x), data_dir)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"`data_dir` must hold pictures of one size. Received: {data_dir} with "
            f"{x_train.shape[1:]} for training and {x_test.shape[1:]} for the test"
        )
    labels = [y.astype(np.int64) for y in (y_train, y_test)]
    return x_train[..., None], labels[0], x_test[..., None], labels[1]


def _missing(name: str, data_dir: Path, dataset: str) -> ValueError:
    return ValueError(
        f"`data_dir` must be a folder with {NEEDED_FILES[dataset]}. Received: "
        f"data_dir={str(data_dir)!r}, which has no {name}"
    )


def _read_all(file: IO[bytes] | gzip.GzipFile, name: Any) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{name} must have at most {MAX_BYTES} bytes. Received: a larger file"
        )
    return content


def _cifar10_reader(data_dir: Path) -> Callable[[str], bytes]:
    """Returns a function from the name of a batch to its bytes."""
    for folder in (data_dir / CIFAR10_FOLDER, data_dir):
        if (folder / CIFAR10_TEST).is_file():
            return lambda name: _read_batch_file(folder, name)
    for archive in (data_dir / CIFAR10_ARCHIVE, data_dir):
        if archive.is_file():
            files = _read_archive(archive)
            return lambda name: _find(files, name, archive)
    raise _missing(f"{CIFAR10_FOLDER}/{CIFAR10_TEST}", data_dir, "cifar10")


def _read_batch_file(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.is_file():
        raise _missing(name, folder, "cifar10")
    with path.open("rb") as file:
        return _read_all(file, path)


def _find(files: Mapping[str, bytes], name: str, archive: Path) -> bytes:
    if name not in files:
        raise ValueError(
            f"{archive} must be {CIFAR10_ARCHIVE} as it is published. Received: an "
            f"archive without {CIFAR10_FOLDER}/{name}"
        )
    return files[name]


def _read_archive(archive: Path) -> dict[str, bytes]:
    """Returns the batches of an archive by name, without writing to the disk."""
    wanted = {f"{CIFAR10_FOLDER}/{name}" for name in (*CIFAR10_TRAIN, CIFAR10_TEST)}
    files = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in wanted and member.isfile():
                    file = tar.extractfile(member)
                    assert file is not None  # `extractfile` opens every regular file
                    files[Path(name).name] = _read_all(file, f"{archive}: {name}")
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{archive} must be {CIFAR10_ARCHIVE} as it is published. Received: no "
            f"archive, or a part of one ({error})"
        ) from error
    return files


def _read_batch(
    name: str, read: Callable[[str], bytes]
) -> tuple[np.ndarray, np.ndarray]:
    """Reads one batch: pictures uint8 [n, 32, 32, 3] and labels int64 [n]."""
    content = read(name)
    try:
        # Python 2 wrote the file, and its strings are bytes.
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        pixels, labels = batch[b"data"].as_uint8(), batch[b"labels"]
        if not all(type(label) is int for label in labels):
            raise TypeError("labels that are no integers")
    except Exception as error:  # a hostile file can raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(
            f"{name} must be a batch of CIFAR-10 as it is published. Received: another "
            f"file ({reason})"
        ) from error
    columns = 3 * math.prod(CIFAR10_PLANE)
    if pixels.ndim != 2 or pixels.shape[1] != columns or len(pixels) == 0:
        raise ValueError(
            f"{name} must have pictures of the shape (n, {columns}). Received: "
            f"{pixels.shape}"
        )
    y = np.array([label if 0 <= label < CLASSES else -1 for label in labels], np.int64)
    _check_labels(y, len(pixels), name)
    planes = pixels.reshape(-1, 3, *CIFAR10_PLANE)
    return planes.transpose(0, 2, 3, 1), y


def _check_labels(labels: np.ndarray, pictures: int, where: Any) -> None:
    if len(labels) != pictures or pictures == 0:
        raise ValueError(
            f"{where} must have one label a picture. Received: {len(labels)} labels of "
            f"{pictures} pictures"
        )
    others = np.count_nonzero((labels < 0) | (labels >= CLASSES))
    if others:
        raise ValueError(
            f"{where} must have labels from 0 to {CLASSES - 1}. Received: {others} "
            "others"
        )


def _read_idx(path: Path, axes: int) -> np.ndarray:
    """Reads a compressed idx file of unsigned bytes with this many axes."""
    try:
        with gzip.open(path, "rb") as file:
            content = _read_all(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} must be a gzip file as it is published. Received: another file, "
            f"or a part of one ({error})"
        ) from error
    header = 4 + 4 * axes
    begins = content[:4] == bytes((0, 0, IDX_UINT8, axes)) and len(content) >= header
    shape = np.frombuffer(content[4:header], ">u4").tolist() if begins else []
    if not begins or len(content) != header + math.prod(shape):
        raise ValueError(
            f"{path} must be an idx file of bytes with {axes} axes, as it is "
            "published. Received: another file, or a part of one"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


class _PickledType:
    """Stands in for `numpy.dtype` in a pickle."""

    def __init__(self, name: Any, *flags: Any) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        """Ignores the state, such as the byte order, which bytes do not have."""


class _PickledArray:
    """Stands in for `numpy.ndarray` in a pickle, as NumPy's own reader trusts files."""

    def __init__(self, *arguments: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def as_uint8(self) -> np.ndarray:
        """Returns the elements as a NumPy array, uint8.

        Raises:
            TypeError: If the elements are not unsigned bytes.
            ValueError: If the number of elements does not fit the shape.
        """
        _, shape, kind, is_fortran, content = self.state
        if kind.name not in ("u1", "uint8"):
            raise TypeError(f"elements of the type {kind.name!r}")
        elements = np.frombuffer(content, np.uint8)
        return elements.reshape(shape, order="F" if is_fortran else "C")


def _reconstruct(*arguments: Any) -> _PickledArray:
    return _PickledArray()


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _PickledArray:
    array = _PickledArray()
    array.state = (1, shape, kind, order == "F", content)
    return array


def _encode(text: str, encoding: str) -> bytes:
    # Python 3 writes bytes for Python 2 as a call of this function.
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Builds arrays of bytes, and objects without a class, such as lists, only."""

    ALLOWED: Mapping[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _PickledArray,
        ("numpy", "dtype"): _PickledType,
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.ALLOWED[module, name]
