"""A compiled step's graph as TensorBoard shows it best."""

from __future__ import annotations

import tensorflow as tf

_LOOP = "while/"


# The loop's variables, but for what they are called once they are in.
_UNNAMED = _LOOP + "Placeholder"


# What the nodes of a training step feed in the end; the rest is the loop's own.
_ENDS = tuple(_LOOP + scope for scope in ("cost/", "accuracy/", "train/"))


def step_graph_def(graph: tf.Graph) -> tf.compat.v1.GraphDef:
    """Returns the body of a loop as TensorBoard shows it best: one box a layer.

    Without the loop's own scope and counters, with the backward pass, which TensorFlow
    puts beside all scopes, in that of the training, and with the loop's variables where
    an identity gives them a name.

    Args:
        graph: Of a `tf.while_loop`'s body with scopes cost, accuracy and train.
    """
    graph_def = graph.as_graph_def(add_shapes=True)
    nodes = {node.name: node for node in graph_def.node}
    pending = [name for name in nodes if name.startswith(_ENDS)]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [_node_name(source) for source in nodes[name].input]
    shown = tf.compat.v1.GraphDef(versions=graph_def.versions)
    for node in graph_def.node:
        if node.name in reached and not node.name.startswith(_UNNAMED):
            copy = shown.node.add()
            source = _node_name(node.input[0]) if node.op == "Identity" else ""
            copy.CopyFrom(nodes[source] if source.startswith(_UNNAMED) else node)
            copy.name = _shown_name(node.name)
            copy.input[:] = [_shown_name(source) for source in copy.input]
            # It names, by its old name, a node to share a device with.
            copy.attr.pop("_class", None)
    return shown


def _node_name(source: str) -> str:
    return source.removeprefix("^").split(":")[0]


def _shown_name(source: str) -> str:
    control = "^" * source.startswith("^")
    name = source.removeprefix("^")
    if name.startswith("gradient_tape/"):
        return f"{control}train/{name.replace(_LOOP, '', 1)}"
    return control + name.removeprefix(_LOOP)
