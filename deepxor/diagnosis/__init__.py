"""Rules from recorded numbers to a verdict; NumPy only."""
