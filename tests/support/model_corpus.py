"""A tiny corpus in CREMA-D's layout with one pitch per emotion, so that a head can be trained on it."""

from model.tts import tones


def write_cremad(folder, speakers=3, takes=1):
    """Write 3 s clips of every emotion for each speaker; the last speaker is the split `valid`."""
    return tones.write_corpus(folder, speakers, takes)
