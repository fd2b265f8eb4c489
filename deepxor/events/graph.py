"""The graph of a compiled training step, for TensorBoard's Graphs tab."""

from __future__ import annotations

import tensorflow as tf

_LOOP = "while/"


# The beginning of the names of the nodes by which variables enter the loop.
_UNNAMED = _LOOP + "Placeholder"


# The scopes of a training step's results. Nodes that these do not need are parts of the
# loop itself.
_ENDS = tuple(_LOOP + scope for scope in ("cost/", "accuracy/", "train/"))


def step_graph_def(graph: tf.Graph) -> tf.compat.v1.GraphDef:
    """Returns the body of a loop as a graph that TensorBoard shows with a box a layer.

    The graph is without the loop's own scope and counters. The backward pass, which
    TensorFlow puts outside of all scopes, is in the scope of the training, and the
    loop's variables have the names that identities give them.

    Args:
        graph: The graph of a `tf.while_loop`'s body with the scopes cost, accuracy and
            train.
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
            # The attribute has the old name of a node with which to share a device.
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
