"""The results of the paper whose table of activations and initializers is redone."""

from __future__ import annotations

# The test accuracy of FitNet-4 on CIFAR-10 in percent, by initializer and activation;
# Mishkin & Matas 2015, "All you need is a good init" (arXiv 1511.06422), table 3. None
# means that the training did not converge. The paper has no result for other pairs.
MISHKIN_2015: dict[tuple[str, str], float | None] = {
    ("lsuv", "maxout"): 93.94,
    ("lsuv", "relu"): 92.11,
    ("lsuv", "very_leaky_relu"): 92.97,
    ("lsuv", "tanh"): 89.28,
    ("lsuv", "sigmoid"): None,
    ("orthogonal", "maxout"): 93.78,
    ("orthogonal", "relu"): 91.74,
    ("orthogonal", "very_leaky_relu"): 92.40,
    ("orthogonal", "tanh"): 89.48,
    ("orthogonal", "sigmoid"): None,
    ("orthogonal_scaled", "relu"): 91.93,
    ("orthogonal_scaled", "very_leaky_relu"): 93.09,
    ("orthogonal_scaled", "sigmoid"): None,
    ("glorot", "maxout"): 91.75,
    ("glorot", "relu"): 90.63,
    ("glorot", "very_leaky_relu"): 92.27,
    ("glorot", "tanh"): 89.82,
    ("glorot", "sigmoid"): None,
    ("he", "maxout"): None,
    ("he", "relu"): 90.91,
    ("he", "very_leaky_relu"): 92.43,
    ("he", "tanh"): 89.54,
    ("he", "sigmoid"): None,
}
