"""Register model versions and select the one that analyzes a recording."""
