"""A recorded call as the input of Chromium's microphone."""

import numpy as np
import soundfile
from realtime_server import EXAMPLE


def write_microphone_audio(path, start_s, end_s):
    """Write a part of the customer's channel of the first example in the fake microphone's format: 48 kHz, 16 bit."""
    samples, rate = soundfile.read(EXAMPLE)
    part = samples[start_s * rate : end_s * rate, 1]
    soundfile.write(path, np.repeat(part, 48_000 // rate), 48_000, subtype="PCM_16")


def microphone_options(path):
    """Return Chromium's command-line options: the microphone plays the file once, and pages need no permission."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    return [*fake, f"--use-file-for-fake-audio-capture={path}%noloop"]
