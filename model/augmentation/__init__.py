"""Simulate rooms, telephone channels, and recorders."""
