"""Export models and check the exported files."""
