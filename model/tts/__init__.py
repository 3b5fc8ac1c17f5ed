"""Synthesize speech for training."""
