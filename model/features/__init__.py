"""Compute and cache what training reads."""
