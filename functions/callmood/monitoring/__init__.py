"""Detect drift of calls from a model's reference, and measure accuracy on annotated segments."""
