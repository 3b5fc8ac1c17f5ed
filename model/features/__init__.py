"""Compute and cache training features."""
