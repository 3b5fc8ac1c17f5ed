"""Build the HTML report."""
