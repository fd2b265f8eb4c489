"""The tasks of sweeps: what their networks are, and how they are trained."""
