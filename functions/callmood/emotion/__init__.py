"""Embed a segment and classify its emotion."""
