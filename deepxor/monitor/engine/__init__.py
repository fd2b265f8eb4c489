"""The seam between a backend's training step and what is measured of it."""
