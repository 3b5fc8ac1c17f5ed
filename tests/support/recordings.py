"""Recordings to upload."""

import io
from itertools import count

import soundfile
from stack.services import ROOT

_starts = count()


def example(call_id):
    """Return the path of an example call."""
    [path] = (ROOT / "tests/examples").glob(f"*_call-{call_id}_*.wav")
    return path


def clip():
    """Return eight seconds of a call. The content differs each time, because copies of a file count as one call."""
    audio, rate = soundfile.read(example(1001), start=next(_starts), frames=8 * 8000)
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="WAV", subtype="ULAW")
    return file.getvalue()
