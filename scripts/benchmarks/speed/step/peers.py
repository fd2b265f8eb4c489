"""Times the lecture's network in PyTorch or JAX, for scripts/bench.

For example: python scripts/benchmarks/speed/step/peers.py torch 1000

It prints the microseconds of a step of one network and the framework's version as JSON,
as in {"microseconds": 1.5, "version": "1.0"}, or {} where the framework is not
installed. It needs nothing else, so that it runs in an interpreter that has neither
TensorFlow nor deepxor. No gradient norms are recorded.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [[0.0], [1.0], [1.0], [0.0]]
# The same network as in lecture.py, which an interpreter without deepxor cannot import.
UNITS = (2, *(5,) * 10, 1)
SHAPES = tuple(itertools.pairwise(UNITS))
LEARNING_RATE = 0.1
REPLICAS = 1000

# The kernel and the bias of each layer.
Weights = list[tuple[Any, Any]]


def time_torch(steps: int) -> tuple[float, str]:
    """Times PyTorch's eager loop, one network.

    Args:
        steps: The number of steps to time, after a first one.

    Returns:
        Microseconds per step, and PyTorch's version.
    """
    import torch

    # One thread, as for TensorFlow: nothing here is large enough to be shared out.
    torch.set_num_threads(1)
    layers: list[torch.nn.Module] = []
    for inputs, units in SHAPES:
        linear = torch.nn.Linear(inputs, units)
        torch.nn.init.uniform_(linear.weight, -1.0, 1.0)
        torch.nn.init.zeros_(linear.bias)
        layers += [linear, torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    x, y = torch.tensor(X), torch.tensor(Y)

    def train(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
        _check(loss.item())

    return _time(train, steps), torch.__version__


def time_jax(steps: int, replicas: int | None) -> tuple[float, str]:
    """Times a loop compiled by JAX.

    Args:
        steps: The number of steps to time, after one that compiles.
        replicas: The number of networks that `vmap` trains side by side; None for one
            network without `vmap`.

    Returns:
        Microseconds per step of one network, and JAX's version.
    """
    import jax
    import jax.numpy as jnp

    x, y = jnp.array(X), jnp.array(Y)

    def loss_of(weights: Weights) -> jax.Array:
        *hidden, (kernel, bias) = weights
        h = x
        for layer_kernel, layer_bias in hidden:
            h = jax.nn.sigmoid(h @ layer_kernel + layer_bias)
        logits = h @ kernel + bias
        return jnp.mean(jax.nn.softplus(logits) - y * logits)

    def step(weights: Weights) -> Weights:
        gradients = jax.grad(loss_of)(weights)
        stepped: Weights = jax.tree.map(
            lambda w, g: w - LEARNING_RATE * g, weights, gradients
        )
        return stepped

    def start(key: jax.Array) -> Weights:
        keys = jax.random.split(key, len(SHAPES))
        return [
            (jax.random.uniform(k, shape, minval=-1.0), jnp.zeros(shape[1]))
            for k, shape in zip(keys, SHAPES, strict=True)
        ]

    key = jax.random.key(0)
    if replicas is None:
        weights, all_steps, all_losses = start(key), step, loss_of
    else:
        weights = jax.vmap(start)(jax.random.split(key, replicas))
        all_steps, all_losses = jax.vmap(step), jax.vmap(loss_of)

    loop = jax.jit(
        lambda weights, count: jax.lax.fori_loop(
            0, count, lambda _, w: all_steps(w), weights
        )
    )

    def train(count: int) -> None:
        _check(float(jnp.mean(all_losses(loop(weights, count)))))

    return _time(train, steps) / (replicas or 1), jax.__version__


def _time(train: Callable[[int], None], steps: int) -> float:
    """Returns the microseconds of a step without the first one, which compiles."""
    train(1)
    begin = time.perf_counter()
    train(steps)
    return (time.perf_counter() - begin) / steps * 1e6


def _check(loss: float) -> None:
    # Getting a loss waits for the last step, too: JAX returns before it has computed.
    if not math.isfinite(loss):
        raise RuntimeError(f"The loss must be finite. Received: loss={loss}")


PEERS: dict[str, Callable[[int], tuple[float, str]]] = {
    "torch": time_torch,
    "jax": lambda steps: time_jax(steps, None),
    "jax_vmap": lambda steps: time_jax(steps, REPLICAS),
}


def main() -> None:
    """Times the framework that the command line names."""
    name, steps = sys.argv[1:]
    result = {}
    try:
        microseconds, version = PEERS[name](int(steps))
        result = {"microseconds": microseconds, "version": version}
    except ModuleNotFoundError:
        pass
    print(json.dumps(result))


if __name__ == "__main__":
    main()
