"""Tiny corpora in their publishers' layouts; every clip is another tone."""

from itertools import count

import numpy as np
import soundfile

ACTORS = (
    '"ActorID","Age","Sex","Race","Ethnicity"\n'
    '1001,51,"Male","Caucasian","Not Hispanic"\n'
    '1002,21,"Female","Asian","Hispanic"\n'
)
VOTES = (
    '"","A","D","F","H","N","S","fileName","numResponses"\n'
    '"100001",6,1,0,0,2,0,"1002_DFA_ANG_XX",9\n'
    '"200001",0,0,0,0,9,0,"1002_DFA_ANG_XX",9\n'  # video only
)
CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
CREMAD = [f"AudioWAV/{actor}_DFA_{code}_XX.wav" for actor in (1001, 1002) for code in CODES]
RAVDESS = [f"Actor_{a:02}/03-01-{e:02}-01-01-01-{a:02}.wav" for a in (1, 2) for e in range(1, 9)]
TESS = [
    f"{who}_{folder}/{who}_back_{code}.wav"
    for who in ("OAF", "YAF")
    for folder, code in [
        *(("angry", "angry"), ("disgust", "disgust"), ("Fear", "fear"), ("happy", "happy")),
        *(("neutral", "neutral"), ("Pleasant_surprise", "ps"), ("Sad", "sad")),
    ]
]
SAVEE = [f"AudioData/{who}/{code}01.wav" for who in ("DC", "JE") for code in ["a", "d", "f", "h", "n", "sa", "su"]]
EMODB = [f"wav/{who}a01{code}{take}.wav" for who, take in (("03", "a"), ("08", "")) for code in "WLEAFTN"]

_pitches = count(100)


def tone(path, rate=16000, seconds=0.3, level=0.3):
    """Write a tone with a unique pitch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hz = next(_pitches)
    soundfile.write(path, level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate), rate)
    return path


def write_corpus(root, names, rate=16000):
    for name in names:
        tone(root / name, rate)
    if names is CREMAD:
        (root / "VideoDemographics.csv").write_text(ACTORS)
        (root / "processedResults").mkdir()
        (root / "processedResults/tabulatedVotes.csv").write_text(VOTES)
    return root


OFFICIAL = {
    "cremad": (CREMAD, 16000),
    "ravdess": (RAVDESS, 48000),
    "tess": (TESS, 24414),
    "savee": (SAVEE, 44100),
    "emodb": (EMODB, 16000),
}
"""dict of str to (list of str, int): the files of each corpus, and their sample rate."""
