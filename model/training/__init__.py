"""Train and tune models."""
