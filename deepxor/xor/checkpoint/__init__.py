"""Checkpoints of a run: the file, the checks of what it says, and the callback."""
