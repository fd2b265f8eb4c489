"""The interface between a backend's training step and the measurements of it."""
