"""Read, validate, and label corpora."""
