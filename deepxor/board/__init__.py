"""What is shown: event files, pictures, tables."""
