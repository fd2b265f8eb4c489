"""Layer-sequential unit-variance initialization of any Keras model."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import keras
import ml_dtypes
import numpy as np
import tensorflow as tf

from deepxor.checks import check_at_least, refuse
from deepxor.compat import parts, replaced
from deepxor.nn.initializers import orthogonal
from deepxor.nn.maxout import MaxoutConv2D, MaxoutDense

# The names of the kernels in Keras's layers. Of several, the last one is scaled.
KERNELS = ("kernel",)
SEPARABLE_KERNELS = ("depthwise_kernel", "pointwise_kernel")

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


@dataclass(frozen=True)
class ScaledLayer:
    """Describes what `lsuv` did to one layer.

    Attributes:
        path: The path of the layer, with which the paths of its variables begin.
        rounds: The number of times that its kernel was divided.
        variance: The variance of its pre-activations on the batch afterwards. It is
            farther from 1 than the tolerance if the rounds were not enough.
    """

    path: str
    rounds: int
    variance: float


def lsuv(
    model: keras.Model,
    batch: Any,
    tolerance: float = 0.02,
    max_rounds: int = 20,
    seed: int = 0,
) -> list[ScaledLayer]:
    """Initializes a model layer by layer to pre-activations of variance 1 on a batch.

    Layer-sequential unit-variance initialization (Mishkin & Matas 2015, arXiv
    1511.06422, algorithm 1). Every layer with a kernel, in the order in which the model
    calls them, gets an orthonormal kernel and zero biases; the kernel is then divided
    by the standard deviation of what the layer passes to its activation, over all
    elements, until the variance is 1. A layer that is used several times is scaled
    where it is used first. The model runs eagerly and with `training=False`: without
    dropout, and with the moving averages of batch normalization as they are.

    The function leaves these as they are: frozen layers, embeddings, recurrent layers
    with their cells, normalizations, custom layers whose kernel is not called `kernel`,
    and layers that the model does not call. It takes kernels of custom layers to have
    Keras's usual shape [..., units]. Each piece of a maxout layer becomes orthonormal;
    the variance is that of all pieces, before the maximum.

    Args:
        model: Any Keras model, built or not.
        batch: Inputs of the model, [samples, ...], or a structure of such arrays.
        tolerance: The largest distance of a variance from 1, above 0 and below 1.
        max_rounds: The largest number of divisions of one kernel, at least 1.
        seed: The seed of the kernels, at least 0. Each kernel depends on it and on the
            layer's place in the order.

    Returns:
        An entry for each layer, in the order in which the model calls them.

    Raises:
        ValueError: If an argument is out of range, the batch is empty or not finite,
            the model calls no layer to scale, or a layer's pre-activations are constant
            or not finite. All weights and activations are then what they were.
    """
    _check_settings(tolerance, max_rounds, seed)
    batch = _checked_batch(batch)
    with _eagerly():
        if not all(layer.built for layer in parts(model)):
            model(batch, training=False)
        scaler = _Scaler(tolerance, max_rounds, seed)
        try:
            with contextlib.ExitStack() as stack:
                for caller, layer in _targets(model):
                    call = scaler.scaling_call(caller, layer)
                    stack.enter_context(replaced(caller, "call", call))
                model(batch, training=False)
            if not scaler.scaled:
                raise ValueError(
                    "`model` must call a trainable dense layer or convolution. "
                    f"Received: model {model.name!r}, which calls none"
                )
        except _Unscalable as problem:
            scaler.undo()
            raise ValueError(str(problem)) from None
        except BaseException:
            scaler.undo()
            raise
    return scaler.scaled


class _Unscalable(BaseException):
    """Says why a layer cannot be scaled.

    It is not an `Exception`, as Keras adds the arguments of a layer to the message of
    every exception that passes through the layer's call.
    """


class _Scaler:
    """Scales each layer when the model calls it for the first time.

    At that moment the layers before it have been scaled, so that the batch has to pass
    through the model only once.
    """

    def __init__(self, tolerance: float, max_rounds: int, seed: int) -> None:
        self.scaled: list[ScaledLayer] = []
        self._tolerance = tolerance
        self._max_rounds = max_rounds
        self._seed = seed
        self._before: list[tuple[keras.Variable, np.ndarray]] = []

    def scaling_call(
        self, caller: keras.layers.Layer, layer: keras.layers.Layer
    ) -> Callable[..., Any]:
        """Returns a substitute for a layer's `call` that scales at its first use.

        Args:
            caller: The layer whose `call` is replaced.
            layer: The layer that has the kernel: `caller`, or the layer that it wraps.
        """
        call, done = caller.call, False
        # The values are read here, as mixed precision would make them float16 inside of
        # a call.
        self._before += [(v, keras.ops.convert_to_numpy(v)) for v in _variables(layer)]

        def scaling_call(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            if not done:
                done = True
                self._scale(layer, lambda: call(*args, **kwargs))
            return call(*args, **kwargs)

        return scaling_call

    def undo(self) -> None:
        """Restores the values that all variables had before."""
        for variable, value in self._before:
            variable.assign(value)

    def _scale(self, layer: keras.layers.Layer, call: Callable[[], Any]) -> None:
        rng = np.random.default_rng((self._seed, len(self.scaled)))
        for variable in _variables(layer):
            variable.assign(np.zeros(variable.shape))
        for name in _kernel_names(layer):
            kernel, value = getattr(layer, name), _orthonormal(rng, layer, name)
            kernel.assign(value)
        path = kernel.path.rpartition("/")[0] or layer.name
        for rounds in range(self._max_rounds + 1):
            variance = _variance(_pre_activations(layer, call), path)
            if abs(variance - 1) < self._tolerance or rounds == self._max_rounds:
                break
            value /= math.sqrt(variance)
            kernel.assign(value)
        self.scaled.append(ScaledLayer(path, rounds, variance))


def _targets(
    model: keras.Model,
) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
    """Yields the layers to scale, each after the one whose `call` is to be replaced."""
    layers = parts(model)
    trainable = {id(variable) for variable in model.trainable_variables}
    # A cell runs inside a loop, once a time step, whatever layers it is made of.
    recurrent = [layer for layer in layers if hasattr(layer, "state_size")]
    left_out = {id(part) for layer in recurrent for part in parts(layer)}
    # TimeDistributed calls the layer that it wraps once a time step, but the variance
    # is to be that of all steps: so its own `call` is replaced.
    callers = {
        id(layer.layer): layer
        for layer in layers
        if isinstance(layer, keras.layers.TimeDistributed)
    }
    for layer in layers:
        # Spectral normalization shows the kernel of the layer that it wraps as its own.
        if id(layer) in left_out or isinstance(layer, keras.layers.Wrapper):
            continue
        kernels = [getattr(layer, name, None) for name in _kernel_names(layer)]
        if all(id(kernel) in trainable for kernel in kernels):
            # The layer itself says so, as this package imports no laboratory.
            if getattr(layer, "has_replicas", False):
                raise ValueError(
                    "`model` must be made of layers of a single network. Received: "
                    f"layer {layer.name!r} of {layer.replicas} replicas"
                )
            yield callers.get(id(layer), layer), layer


def _kernel_names(layer: keras.layers.Layer) -> tuple[str, ...]:
    return SEPARABLE_KERNELS if isinstance(layer, SEPARABLE) else KERNELS


def _variables(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns a layer's kernels and, unless it is frozen or absent, its bias."""
    bias = getattr(layer, "bias", None)
    has_bias = isinstance(bias, keras.Variable) and bias.trainable
    kernels = [getattr(layer, name) for name in _kernel_names(layer)]
    return [*kernels, bias] if has_bias else kernels


def _roles(layer: keras.layers.Layer, name: str) -> tuple[tuple[int, ...], str]:
    """Returns the shape of a kernel and the role of each of its axes.

    Args:
        layer: The layer that has the kernel.
        name: The name of the layer's attribute that is the kernel.

    Returns:
        The shape, with an additional axis if the kernel has groups; and a letter for
        each axis: "f" for an axis that is summed over, "u" for an axis of units, "g"
        for an axis of kernels that are independent of each other.
    """
    shape = tuple(getattr(layer, name).shape)
    if isinstance(layer, keras.layers.EinsumDense):
        inputs, kernel, outputs = layer.equation.replace("->", ",").split(",")
        return shape, "".join(
            "f" if axis not in outputs else "g" if axis in inputs else "u"
            for axis in kernel.strip()
        )
    space = "f" * (len(shape) - 2)
    if isinstance(layer, DEPTHWISE) or name == SEPARABLE_KERNELS[0]:
        return shape, f"{space}gu"
    if isinstance(layer, TRANSPOSED):
        # One input pixel is spread over a window of every filter.
        return shape, "u" * (len(shape) - 1) + "f"
    if isinstance(layer, MaxoutConv2D | MaxoutDense):
        units = shape[-1] // layer.pieces
        return (*shape[:-1], units, layer.pieces), f"{space}fug"
    groups = getattr(layer, "groups", 1)
    if isinstance(groups, int) and groups > 1:
        return (*shape[:-1], groups, shape[-1] // groups), f"{space}fgu"
    return shape, f"{space}fu"


def _orthonormal(
    rng: np.random.Generator, layer: keras.layers.Layer, name: str
) -> np.ndarray:
    """Returns a random kernel, an orthonormal matrix [fan, units] in each group."""
    shape, roles = _roles(layer, name)
    order = sorted(range(len(shape)), key=lambda axis: "gfu".index(roles[axis]))
    groups, fan, units = (
        math.prod(n for n, role in zip(shape, roles, strict=True) if role == wanted)
        for wanted in "gfu"
    )
    matrices = np.stack([orthogonal(rng, fan, units) for _ in range(groups)])
    in_order = matrices.reshape([shape[axis] for axis in order])
    kernel = in_order.transpose(np.argsort(order))
    return kernel.reshape(getattr(layer, name).shape)


def _pre_activations(layer: keras.layers.Layer, call: Callable[[], Any]) -> list[Any]:
    """Returns the inputs of a layer's activation, or its outputs if it has none.

    Args:
        layer: The layer.
        call: A function that calls the layer on the batch.
    """
    activation = vars(layer).get("activation")
    kept: list[Any] = []

    def keep(x: Any, *args: Any, **kwargs: Any) -> Any:
        kept.append(x)
        return activation(x, *args, **kwargs)

    if not callable(activation):
        return keras.tree.flatten(call())
    with replaced(layer, "activation", keep):
        outputs = call()
    return kept or keras.tree.flatten(outputs)


def _variance(tensors: list[Any], path: str) -> float:
    """Returns the variance over all elements of some tensors.

    Args:
        tensors: The pre-activations of a layer.
        path: The path of the layer, for the message.

    Raises:
        _Unscalable: If they cannot be scaled to a variance of 1.
    """
    if any(tf.is_symbolic_tensor(tensor) for tensor in tensors):
        _refuse("run eagerly", f"layer {path!r}, which runs in a compiled loop")
    values = np.concatenate([_array(tensor).ravel() for tensor in tensors])
    if not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        received = f"layer {path!r} with {count} of {values.size} that are not"
        _refuse("have finite pre-activations, as of smaller inputs", received)
    # Elements that differ only by the rounding of the computation count as constant.
    dtype = keras.backend.standardize_dtype(tensors[0].dtype)
    rounding = 4 * float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]
    if values.size == 0 or values.std() <= rounding * np.abs(values).max():
        constant = values[0] if values.size else None
        received = f"layer {path!r}, which gives the constant {constant}"
        _refuse("have pre-activations that vary over the batch", received)
    return float(values.var())


def _refuse(allowed: str, received: str) -> NoReturn:
    raise _Unscalable(f"Layers of `model` must {allowed}. Received: {received}")


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float64)


@contextlib.contextmanager
def _eagerly() -> Iterator[None]:
    """Makes TensorFlow run compiled functions eagerly while the context is open."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _check_settings(tolerance: float, max_rounds: int, seed: int) -> None:
    if not 0 < tolerance < 1:
        refuse("tolerance", tolerance, "a number above 0 and below 1")
    check_at_least("max_rounds", max_rounds, 1)
    check_at_least("seed", seed, 0)


def _checked_batch(batch: Any) -> Any:
    """Returns a batch whose leaves are arrays or tensors, neither empty nor NaN."""
    kind = type(batch).__name__
    leaves = keras.tree.flatten(batch)
    if not leaves or any(np.ndim(leaf) == 0 for leaf in leaves):
        batch = np.asarray(batch)  # lists of lists of numbers
        leaves = [batch]
    for leaf in leaves:
        array = keras.ops.convert_to_numpy(leaf)
        if array.dtype == object:
            raise ValueError(
                "`batch` must be an array, or a structure of arrays, that the model "
                f"takes. Received: batch of type {kind}"
            )
        if array.size == 0:
            raise ValueError(
                "`batch` must have at least 1 sample. Received: an array of the shape "
                f"{array.shape}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            count = np.count_nonzero(~np.isfinite(array))
            raise ValueError(
                f"`batch` must be finite. Received: {count} of {array.size} elements "
                "that are not"
            )
    return batch
