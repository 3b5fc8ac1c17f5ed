"""A voice made of sums of sines, where a test needs one and no corpus."""

from model.tts.tones import voice

__all__ = ["voice"]
