"""Event files: written, thinned out and read."""
