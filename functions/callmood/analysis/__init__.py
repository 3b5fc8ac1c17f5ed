"""Analyze one recording: audio in, rows out."""
