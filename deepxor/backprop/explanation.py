"""The chain rule layer by layer: where, and by what, the gradient is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from deepxor.backprop import mean_field
from deepxor.backprop.chain import Chain, Function, Link, keras_chain
from deepxor.backprop.mean_field import Prediction, WideLayer
from deepxor.backprop.profile import BackwardProfile
from deepxor.backprop.table import plain_text, profile_table
from deepxor.statistics import finite_percentiles, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@runtime_checkable
class HasChain(Protocol):
    """A model that returns its chain itself, as the models of `deepxor.xor` do."""

    def backprop_chain(self, x: Any, y: Any) -> Chain:
        """Returns the model's layers as a chain.

        Args:
            x: A batch of inputs, [samples, ...].
            y: The targets of the batch, [samples, ...].

        Returns:
            The chain.
        """


@dataclass(frozen=True, eq=False)
class Explanation:
    """Holds the factors by which the chain rule multiplies the gradient, by layer.

    All norms are L2 norms of the gradient of the batch's loss, over all samples and
    units. The norm at a layer's output, times its slope factor, times its weight
    factor, is the norm at the output of the layer before. The factors are quotients of
    measured norms, so that this product is exact. Past a layer with a shortcut the
    gradient has two ways: its weight factor is that of both together, and may exceed
    what the weights alone would make of it.

    The arrays of a model of R replicas have R as an additional last axis, [layers, R].

    Attributes:
        title: The model's name.
        layers: The names of the layers, in forward order.
        gradient_norm: The norms at the outputs of the layers, [layers]. If the loss is
            computed from the logits, without the sigmoid or softmax of the last layer,
            as Keras's cross-entropies do, the last norm is that at the logits.
        pre_activation_norm: The norms before the activations of the layers, [layers].
        input_norm: The norm at the model's input, []; NaN if the input is integers,
            which have no gradient.
        has_activation: Whether each layer has an activation, bool [layers].
        prediction: The prediction of mean-field theory for random kernels of the same
            size, if every hidden layer is dense and wide (at least `mean_field.WIDE`
            units) and has an elementwise activation and no shortcut; else None.
    """

    title: str
    layers: tuple[str, ...]
    gradient_norm: np.ndarray
    pre_activation_norm: np.ndarray
    input_norm: np.ndarray
    has_activation: np.ndarray
    prediction: Prediction | None = None

    @property
    def slope_factor(self) -> np.ndarray:
        """The factors of the norm by the activations' derivatives, [layers].

        The factor of a sigmoid is at most 0.25; that of a layer without an activation
        is exactly 1. A factor is NaN where the norm at the layer's output is zero, or
        one of the two norms is not finite.
        """
        factor = ratio(self.pre_activation_norm, self.gradient_norm)
        factor[~self.has_activation] = 1.0
        return factor

    @property
    def weight_factor(self) -> np.ndarray:
        """The factors of the norm by the layers' weights, [layers].

        The factor of a layer that is neither dense nor a convolution nor an activation
        is that of the whole layer. A factor is NaN where it is undefined, as in
        `slope_factor`.
        """
        before = np.concatenate([self.input_norm[None], self.gradient_norm[:-1]])
        return ratio(before, self.pre_activation_norm)

    @property
    def decades_lost(self) -> np.ndarray:
        """The decades that the gradient has lost at each layer's output, [layers].

        They are log10 of the norm at the last layer's output over that at the layer's
        own: infinite where the layer's norm is exactly zero, NaN where a norm is not
        finite.
        """
        with np.errstate(divide="ignore"):
            return 0.0 - np.log10(ratio(self.gradient_norm, self.gradient_norm[-1:]))

    def profile(self) -> BackwardProfile:
        """Returns the norms and factors in the order of backpropagation, to be shown.

        Returns:
            The profile, with the median and the 10th and 90th percentiles of the finite
            values over the replicas.
        """
        outputs = np.concatenate([self.gradient_norm[::-1], self.input_norm[None]])
        norms = np.repeat(outputs, 2, axis=0)[:-1]
        norms[1::2] = self.pre_activation_norm[::-1]
        prediction = self.prediction
        return BackwardProfile(
            title=self.title,
            layers=self.layers[::-1],
            replicas=self.input_norm.size,
            norms=_percentiles(norms),
            slope_factor=_percentiles(self.slope_factor[::-1]),
            weight_factor=_percentiles(self.weight_factor[::-1]),
            zeros=(outputs == 0).reshape(len(outputs), -1).sum(axis=1),
            not_finite=(~np.isfinite(outputs)).reshape(len(outputs), -1).sum(axis=1),
            predicted=None
            if prediction is None
            else np.array([prediction.slope_factor, prediction.weight_factor])[:, ::-1],
        )

    def figure(self) -> Figure:
        """Draws the gradient's way back through the layers, in decades.

        Returns:
            A matplotlib figure; `figure.savefig("explain.png")` writes it.
        """
        from deepxor.backprop.figure import profile_figure

        return profile_figure([self.profile()])

    def __str__(self) -> str:
        return plain_text(profile_table(self.profile()))


def explain(model: Any, x: Any, y: Any, *, training: bool = True) -> Explanation:
    """Measures what each layer multiplies the gradient of the loss by.

    Backpropagation (Rumelhart, Hinton & Williams 1986) takes the gradient at a layer's
    output to that at its pre-activations, by the activation's derivative, and from
    there to the output of the layer before, by the weights. The factors say how the
    norm changes in each of the two. The function takes one backward pass and leaves the
    model as it was, its moving averages and random seeds included.

    Args:
        model: A compiled Keras model that is a chain of layers (Sequential, or
            Functional with one path from input to output), or one of `deepxor.xor`.
        x: A batch of inputs, [samples, ...].
        y: The targets of the batch, [samples, ...].
        training: Whether dropout and batch normalization behave as in `fit`; it has no
            effect on the models of `deepxor.xor`.

    Returns:
        The explanation; print it, or draw it with `figure()`.

    Raises:
        ValueError: If the model is not compiled, not built or not a chain, or if x or y
            do not suit it.

    Example::

        explanation = deepxor.explain(model, x, y)
        print(explanation)
        explanation.figure().savefig("explain.png")
    """
    if isinstance(model, HasChain):
        chain = model.backprop_chain(x, y)
    else:
        chain = keras_chain(model, x, y, training)
    with keras.StatelessScope():
        before, after = _backpropagate(chain)
    pre_activation_norm = _norms(before, chain.replicas)
    input_norm, *norms = _norms(after, chain.replicas)
    return Explanation(
        title=model.name,
        layers=tuple(link.name for link in chain.links),
        gradient_norm=np.array(norms),
        pre_activation_norm=pre_activation_norm,
        input_norm=input_norm,
        has_activation=np.array([link.activation is not None for link in chain.links]),
        prediction=_predict(chain, before[-1]),
    )


def _backpropagate(chain: Chain) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the gradients of a chain's loss, in float64.

    Returns:
        The gradients before each link's activation; and the gradients at the input and
        at each link's output.
    """
    # Only inputs and outputs are watched, so that no gradient of a weight is computed.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        before, after = [], [chain.x]
        _watch(tape, chain.x)
        for link in chain.links:
            before.append(link.linear(after[-1]))
            _watch(tape, before[-1])
            after.append(link.output(before[-1], after[-1]))
            _watch(tape, after[-1])
        loss = chain.loss(after[-1])
    gradients = tape.gradient(loss, [before, after])
    if gradients[1][-1] is None:
        # Keras's cross-entropies compute the loss from the logits, so that the last
        # sigmoid or softmax is a part of the loss.
        gradients[1][-1] = gradients[0][-1]
    return _as_arrays(gradients[0], before), _as_arrays(gradients[1], after)


def _watch(tape: tf.GradientTape, tensor: tf.Tensor) -> None:
    if tensor.dtype.is_floating:
        tape.watch(tensor)


def _as_arrays(gradients: list[Any], tensors: list[tf.Tensor]) -> list[np.ndarray]:
    """Returns the gradients as float64 arrays.

    A gradient is zero if the loss does not depend on the tensor, and NaN if the tensor
    is of integers, which have no gradient.
    """
    return [
        np.full(tensor.shape, 0.0 if tensor.dtype.is_floating else np.nan)
        if gradient is None
        else tf.cast(gradient, tf.float64).numpy()
        for gradient, tensor in zip(gradients, tensors, strict=True)
    ]


def _norms(gradients: list[np.ndarray], replicas: int | None) -> np.ndarray:
    return np.array([_norm(gradient, replicas) for gradient in gradients])


def _norm(gradient: np.ndarray, replicas: int | None) -> np.ndarray:
    """Returns the L2 norm, [] or [R], however small or large the gradient is."""
    columns = gradient.reshape(-1, replicas or 1)
    size = np.abs(columns).max(axis=0)
    # The elements are scaled first, as the squares of a norm below 1e-162 would be 0.
    scale = np.where((size > 0) & np.isfinite(size), size, 1.0)
    norm = scale * np.sqrt(np.square(columns / scale).sum(axis=0))
    return norm[0] if replicas is None else norm


def _predict(chain: Chain, gradient: np.ndarray) -> Prediction | None:
    """Returns the prediction of mean-field theory, or None if the chain is not wide.

    Args:
        chain: Any chain.
        gradient: The gradient at the last pre-activations, [samples, units] or
            [samples, units, R].
    """
    if not _is_wide(chain) or not np.isfinite(gradient).all():
        return None
    x = tf.cast(chain.x, tf.float64).numpy()
    squares = np.square(gradient).reshape(len(x), -1, chain.replicas or 1)
    return mean_field.predict(
        [_wide_layer(link) for link in chain.links],
        inputs=np.square(x).reshape(len(x), -1).mean(axis=1),
        gradient=squares.sum(axis=1).mean(axis=-1),
    )


def _is_wide(chain: Chain) -> bool:
    is_flat = len(chain.x.shape) == (2 if chain.replicas is None else 3)
    units = [0 if link.kernel is None else link.kernel.shape[1] for link in chain.links]
    return (
        is_flat
        and len(units) > 1
        and min(units[:-1]) >= mean_field.WIDE
        and units[-1] > 0
        and all(_is_elementwise(link.activation) for link in chain.links[:-1])
        # The theory has one way back through a layer, and no shortcut beside it.
        and not any(link.has_shortcut for link in chain.links)
    )


def _is_elementwise(activation: Function | None) -> bool:
    """Returns whether each output depends on one input only, unlike in a softmax."""
    if activation is None:
        return True
    rows = tf.constant([[0.5, 1.0], [0.5, -2.0]])
    output = tf.convert_to_tensor(activation(rows))
    return output.shape == rows.shape and bool(output[0, 0] == output[1, 0])


def _wide_layer(link: Link) -> WideLayer:
    assert link.kernel is not None
    function = link.activation or tf.identity

    def slope(z: np.ndarray) -> np.ndarray:
        inputs = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = function(inputs)
        return tape.gradient(outputs, inputs).numpy()

    bias = link.bias
    return WideLayer(
        sigma_w2=link.kernel.shape[0] * _mean_square(link.kernel),
        sigma_b2=0.0 if bias is None else _mean_square(bias),
        activation=lambda z: np.asarray(function(tf.constant(z)), np.float64),
        slope=slope,
    )


def _mean_square(values: np.ndarray) -> float:
    return float(np.square(values, dtype=np.float64).mean())


def _percentiles(values: np.ndarray) -> np.ndarray:
    """Returns the 10th, 50th and 90th percentiles over the replicas, [3, rows]."""
    return finite_percentiles(values.reshape(len(values), -1), 10, 50, 90)
