"""Measure models and document the results."""
