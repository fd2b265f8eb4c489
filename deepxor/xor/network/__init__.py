"""Networks side by side: layers, the Keras model, the compiled loop that trains it."""
