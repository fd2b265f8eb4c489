"""A logdir as rows, figures, a page and files for other programs."""
