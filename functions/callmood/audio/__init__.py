"""Decode recordings to samples."""
