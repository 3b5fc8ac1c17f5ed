"""A call as Chromium's microphone."""

import numpy as np
import soundfile
from live_server import EXAMPLE


def as_microphone(path, start_s, end_s):
    """Write a part of the customer's channel of the first example as the fake microphone wants it: 48 kHz, 16 bit."""
    sound, rate = soundfile.read(EXAMPLE)
    part = sound[start_s * rate : end_s * rate, 1]
    soundfile.write(path, np.repeat(part, 48_000 // rate), 48_000, subtype="PCM_16")


def hearing(path):
    """Chromium's options: its microphone plays the file once, and pages need no leave."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    return [*fake, f"--use-file-for-fake-audio-capture={path}%noloop"]
