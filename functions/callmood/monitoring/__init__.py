"""Detect drift and measure accuracy."""
