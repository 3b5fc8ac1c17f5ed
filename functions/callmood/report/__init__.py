"""Build and serve the HTML report."""
