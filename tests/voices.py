"""A voice made of sums of sines, where a test needs one and no corpus."""

from model.made_up import voice

__all__ = ["voice"]
