"""Evaluate, simulate, and compare models."""
