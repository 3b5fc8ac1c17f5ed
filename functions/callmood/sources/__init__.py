"""Read recordings from a folder or from Cloud Storage."""
