"""Parts of any Keras model: activations, initializers, maxout, LSUV."""
