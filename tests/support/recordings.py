"""Recordings to upload."""

import io
from itertools import count

import soundfile
from stack.services import ROOT

_starts = count()


def example(call_id):
    """One of the example calls."""
    [path] = (ROOT / "tests/examples").glob(f"*_call-{call_id}_*.wav")
    return path


def clip():
    """Eight seconds of a call, never the same bytes twice: copies of one file would count as one call."""
    audio, rate = soundfile.read(example(1001), start=next(_starts), frames=8 * 8000)
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="WAV", subtype="ULAW")
    return file.getvalue()
