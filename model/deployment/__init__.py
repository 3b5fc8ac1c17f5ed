"""Register, promote, and roll back model versions."""
