"""The chain rule layer by layer: where, and by what, the gradient is lost."""
