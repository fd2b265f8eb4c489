"""Many independent networks in one Keras model: layers, model and training loop."""
