"""The measurements of the monitor, one in each file."""
