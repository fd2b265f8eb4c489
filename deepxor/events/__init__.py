"""Event files: their writer, their reader and the Gradient flow tab's series."""
