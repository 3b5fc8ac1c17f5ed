"""Make a corpus of voices that say things calmly: `python -m model synthesize --voices ARCHIVE --out DIR/calm`.

Nobody speaks in it (`model.tts.kokoro`). All of CREMA-D says the same twelve sentences; here are over a thousand others, in
five languages, and all of them are neutral: a model that learns from both hears that what is said is no emotion
(docs/experiments/training-data.md). Each voice is one of Kokoro's, with the melody of one, a little higher or lower, faster
or slower. Stopped half way, the same command goes on; the same packages give the same clips. Clips that are there are
kept: after a change of `calm.toml`, begin with an empty folder.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr
from rich.progress import track

from callmood.types import SAMPLE_RATE
from model.data.corpora import CorpusError
from model.files import replacing

if TYPE_CHECKING:
    from model.tts.kokoro import Kokoro

SENTENCES = Path(__file__).with_name("calm.toml")
PHRASES = 0.15  # the share of clips that say a phrase rather than a sentence put together
LEVEL_DBFS = -26.0
SEXES = {"f": "female", "m": "male"}


@dataclass(frozen=True)
class Speaker:
    """A made-up voice.

    Parameters
    ----------
    name : str
        Tells how it was made: number, timbre, language.
    timbre, melody : str
        Voices of Kokoro's.
    tempo : float
        Times as fast.
    pitch : float
        Semitones higher.
    language : str
        As eSpeak calls it.
    says : tuple of str
    """

    name: str
    timbre: str
    melody: str
    tempo: float
    pitch: float
    language: str
    says: tuple[str, ...]

    def rows(self) -> Iterator[dict[str, str]]:
        """Each clip's line in `clips.csv`."""
        for number in range(len(self.says)):
            yield {
                "path": f"audio/{self.name}_{number:02}.wav",
                "speaker": self.name,
                "emotion": "neutral",
                "split": "train",
                "language": self.language.partition("-")[0],
                "sex": SEXES[self.timbre[1]],
            }


def sentences(words: dict[str, list[str]], rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Draw what one voice says, no two things alike, from one language of `calm.toml`."""
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        said = " ".join(str(rng.choice(words[part])) for part in ("subject", "verb", "object", "ending")).strip()
        phrase = str(rng.choice(words["phrase"]))
        drawn[phrase if rng.random() < PHRASES else f"{said[0].upper()}{said[1:]}."] = None
    return tuple(drawn)


def speakers(timbres: list[str], count: int, clips: int) -> list[Speaker]:
    """Make up voices; which comes where follows from its number alone. Every third one does not speak English.

    Parameters
    ----------
    timbres : list of str
        Kokoro's voices.
    count : int
        Voices to make up.
    clips : int
        What each of them says.
    """
    words = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
    english, *others = words
    made = []
    for number in range(count):
        rng = np.random.default_rng([0, number])
        timbre = timbres[number % len(timbres)]
        language = others[number // 3 % len(others)] if number % 3 == 2 else english
        made.append(
            Speaker(
                name=f"{number:03}-{timbre}-{language}",
                timbre=timbre,
                melody=str(rng.choice(timbres)),
                tempo=float(rng.uniform(0.9, 1.15)),
                pitch=float(rng.uniform(-1.0, 1.0)),
                language=language,
                says=sentences(words[language], rng, clips),
            )
        )
    return made


def speak(speaker: Speaker, voices: Path, out: Path) -> None:
    """Write what a voice says that is not there yet: WAV, 16 kHz, mono, all at one level."""
    missing = [
        (out / row["path"], text)
        for row, text in zip(speaker.rows(), speaker.says, strict=True)
        if not (out / row["path"]).exists()
    ]
    if not missing:
        return
    from model.tts import kokoro

    synthesizer = _loaded(voices)
    manner = kokoro.Manner(tempo=speaker.tempo, pitch=speaker.pitch, melody=speaker.melody)
    # A timbre keeps its accent in English.
    language = None if speaker.language == "en" else speaker.language
    for path, text in missing:
        said = synthesizer.say(text, speaker.timbre, manner, 1.0, language)
        samples = soxr.resample(said, kokoro.SAMPLE_RATE, SAMPLE_RATE)
        samples *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(samples**2))
        with replacing(path) as unfinished:
            soundfile.write(unfinished, samples.clip(-1, 1), SAMPLE_RATE, "PCM_16", format="WAV")


@cache
def _loaded(voices: Path) -> Kokoro:
    """Load the synthesizer, once in each process."""
    from model.tts import kokoro

    return kokoro.Kokoro(voices)


def make(voices: Path, out: Path, count: int, clips: int, processes: int) -> None:
    """Write the corpus into a folder: `clips.csv`, once all clips are there, and `audio/`.

    Raises
    ------
    CorpusError
        Kokoro's packages are not installed, its voices are not where they should be, or memory does not suffice.
    """
    try:
        from model.tts import kokoro
    except ImportError as error:
        raise CorpusError(f"making voices needs Kokoro ({error}): pip install '.[voices]'") from None
    if not voices.is_file():
        raise CorpusError(f"{voices} is not there; ./run calm fetches it")
    if hashlib.sha256(voices.read_bytes()).hexdigest() != kokoro.ARCHIVE_SHA256:
        raise CorpusError(f"{voices} is damaged, or not npm's kokoro-js 1.2.1; remove it, and ./run calm fetches it")
    made = speakers(kokoro.names(voices), count, clips)
    try:
        with ProcessPoolExecutor(processes) as pool:
            for _ in track(pool.map(partial(speak, voices=voices, out=out), made), "speaking", total=len(made)):
                pass
    except BrokenProcessPool:
        raise CorpusError("a process was ended, most likely for want of memory: give fewer --processes") from None
    rows = [row for speaker in made for row in speaker.rows()]
    with replacing(out / "clips.csv") as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
