"""Hooks on all layers and optimizers, which show a step to a listener.

The hooks replace methods of Keras's classes and not of objects, as layers may be made
while a step is traced. In a thread without a listener they only call the original
methods.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras


class StepListener(Protocol):
    """Sees the calls of layers and optimizers in its thread."""

    def on_call(
        self, layer: Any, call: Callable[[], Any], arguments: tuple[Any, Any]
    ) -> Any:
        """Calls a layer and returns the result of the call.

        Args:
            layer: The layer.
            call: A function without arguments that calls the layer.
            arguments: The positional and the keyword arguments of the call.
        """

    def on_apply(
        self,
        optimizer: Any,
        apply: Callable[..., Any],
        gradients: Any,
        variables: Any,
    ) -> Any:
        """Calls an optimizer's `apply` and returns the result of the call.

        Args:
            optimizer: The optimizer.
            apply: The original method, which takes the optimizer, the gradients and the
                variables.
            gradients: The gradients that the caller gave.
            variables: The variables that the caller gave; None for those that the
                optimizer was built with.
        """

    def on_scale_loss(self, loss: Any) -> None:
        """Takes the loss that an optimizer is about to scale.

        Args:
            loss: The loss that the caller gave.
        """


_seen = threading.local()
_lock = threading.RLock()
_users = 0
_installed = contextlib.ExitStack()


@contextlib.contextmanager
def listening(listener: StepListener) -> Iterator[None]:
    """Lets a listener see the calls in this thread for the duration of the context.

    Args:
        listener: The listener. An outer listener of this thread sees nothing until the
            context ends.
    """
    _install()
    before = _listener()
    _seen.trace = listener
    try:
        yield
    finally:
        _seen.trace = before
        _remove()


def _listener() -> Any:
    return getattr(_seen, "trace", None)


def _install() -> None:
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            for owner, name, make in _HOOKS:
                original = vars(owner).get(name)
                setattr(owner, name, make(getattr(owner, name)))
                _installed.callback(_put_back, owner, name, original)


def _remove() -> None:
    global _users
    with _lock:
        _users -= 1
        if not _users:
            _installed.close()


def _put_back(owner: type, name: str, original: Any) -> None:
    if original is None:  # the class inherited the method
        delattr(owner, name)
    else:
        setattr(owner, name, original)


def _hook_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        trace = _listener()
        if trace is None:
            return original(self, *args, **kwargs)
        return trace.on_call(
            self, lambda: original(self, *args, **kwargs), (args, kwargs)
        )

    return __call__


def _hook_apply(original: Callable[..., Any]) -> Callable[..., Any]:
    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
        trace = _listener()
        if trace is None:
            return original(self, grads, trainable_variables)
        return trace.on_apply(self, original, grads, trainable_variables)

    return apply


def _hook_scale_loss(original: Callable[..., Any]) -> Callable[..., Any]:
    def scale_loss(self: Any, loss: Any) -> Any:
        trace = _listener()
        if trace is not None:
            trace.on_scale_loss(loss)
        return original(self, loss)

    return scale_loss


_HOOKS: tuple[tuple[type, str, Callable[..., Any]], ...] = (
    (keras.layers.Layer, "__call__", _hook_call),
    (keras.optimizers.Optimizer, "apply", _hook_apply),
    (keras.optimizers.LossScaleOptimizer, "apply", _hook_apply),
    (keras.optimizers.Optimizer, "scale_loss", _hook_scale_loss),
    (keras.optimizers.LossScaleOptimizer, "scale_loss", _hook_scale_loss),
)
