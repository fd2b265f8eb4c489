"""Many experiments as a map: axes, cells, the networks in them, and the theory."""
