"""Register models, and control which one is in production."""
