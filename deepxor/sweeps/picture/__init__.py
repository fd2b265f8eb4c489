"""A sweep's map: the figure, what is drawn over it, and the page."""
