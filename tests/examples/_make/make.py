"""Build the example recordings and their ground truth: `PYTHONPATH=. python tests/examples/_make/make.py --help`."""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import telephone
from screenplay import Call, Sound, Utterance, read_calls

from model.tts import kokoro as voices

HERE = Path(__file__).parent
ARCHIVE = HERE.parents[2] / ".cache/kokoro-js-1.2.1.tgz"
LEVELS_DBFS = {"agent": -26.0, "customer": -30.0}
NOISE_DBFS = {"agent": -68.0, "customer": -64.0}
SOUND_DBFS = -28.0
ECHO_S = 0.06

# Directions and sizes follow what differs between angry or happy and neutral clips of the same speaker and sentence in
# CREMA-D. README.md contains the measurements and the styles that the model classified as intended.
STYLES = {
    "neutral": voices.SpeakingStyle(),
    "anger": voices.SpeakingStyle(tempo=1.0, pitch=1.5, level=14.0, tilt=12.0, intonation="bm_george"),
    "happiness": voices.SpeakingStyle(tempo=1.1, pitch=3.0, level=6.0, intonation="af_jessica"),
}


@dataclass(frozen=True)
class Interval:
    """An interval of speech, tone, or music on one party's side."""

    start_s: float
    end_s: float
    kind: str
    speaker: str | None = None
    text: str | None = None
    intended_emotion: str | None = None
    strength: float | None = None


@dataclass
class Side:
    """One party's side during mixing: (start, samples) of all sounds, and their ground truth."""

    pieces: list[tuple[float, telephone.Samples]]
    truth: list[Interval]

    def end_s(self) -> float:
        return max((t + len(x) / telephone.SAMPLE_RATE for t, x in self.pieces), default=0.0)


def perform(call: Call, kokoro: voices.Kokoro) -> dict[str, Side]:
    """Synthesize the script; the parties take turns except for interruptions."""
    rng = np.random.default_rng(zlib.crc32(call.id.encode()))
    sides = {who: Side([], []) for who in LEVELS_DBFS}
    now = 0.6
    for line in call.script:
        if isinstance(line, Utterance):
            style = STYLES[line.emotion]
            speech = kokoro.synthesize(line.text, call.voices[line.who], style, line.strength)
            level = LEVELS_DBFS[line.who] + line.strength * style.level
            spoken = telephone.at_level(telephone.carried(speech, voices.SAMPLE_RATE), level)
            parts = telephone.spans(spoken)
            wait = -rng.uniform(0.6, 0.9) if line.interrupts else rng.uniform(0.25, 0.6)
            start = round(now + wait - parts[0][0], 2)
            emotion = {"intended_emotion": line.emotion, "strength": line.strength}
            sides[line.who].pieces.append((start, spoken))
            sides[line.who].truth += [
                Interval(round(start + a, 2), round(start + b, 2), "speech", line.who, line.text, **emotion)
                for a, b in parts
            ]
            now = max(now, start + parts[-1][1])
        elif line.name == "silence":
            now += line.seconds
        else:
            now = play(line, sides["agent"], round(now + 0.5, 2))
    return sides


def play(sound: Sound, side: Side, start: float) -> float:
    """Add a sound to one side; return its end in seconds."""
    kind, make = telephone.SOUNDS[sound.name]
    samples = telephone.at_level(telephone.band(make(sound.seconds)), SOUND_DBFS)
    side.pieces.append((start, samples))
    spans = telephone.spans(samples) if kind == "tone" else [(0.0, sound.seconds)]
    side.truth += [Interval(round(start + a, 2), round(start + b, 2), kind) for a, b in spans]
    return start + sound.seconds


def record(sides: dict[str, Side], call: Call) -> np.ndarray:
    """Mix the recording: (n, channels) in [-1, 1], each side with its noise and an echo of the other."""
    rng = np.random.default_rng(zlib.crc32(call.name.encode()))
    rate = telephone.SAMPLE_RATE
    n = int((max(side.end_s() for side in sides.values()) + 0.8) * rate)
    signals = {}
    for who, side in sides.items():
        signals[who] = np.zeros(n)
        for start, samples in side.pieces:
            signals[who][int(start * rate) :][: len(samples)] += samples[: n - int(start * rate)]
    delay, echo = int(ECHO_S * rate), 10 ** (call.echo_db / 20)
    other = {"agent": "customer", "customer": "agent"}
    lines = {}
    for who in signals:
        lines[who] = signals[who] + telephone.noise(n, NOISE_DBFS[who], rng)
        lines[who][delay:] += echo * signals[other[who]][: n - delay]
    channels = (
        [lines["agent"] + lines["customer"]] if call.channels == ("mixed",) else [lines[c] for c in call.channels]
    )
    return np.stack(channels, 1)


def truth(call: Call, sides: dict[str, Side], duration_s: float) -> dict:
    """Return the ground truth of a recording."""
    channels = []
    for index, role in enumerate(call.channels):
        held = [i for who, side in sides.items() if role in (who, "mixed") for i in side.truth]
        intervals = [{k: v for k, v in vars(i).items() if v is not None} for i in sorted(held, key=lambda i: i.start_s)]
        channels.append({"channel": index, "role": role, "intervals": intervals})
    return {
        "about": call.about,
        "call_id": call.id,
        "queue": call.queue,
        "agent": call.agent,
        "customer": call.customer,
        "started_at": call.started_at.isoformat(),
        "language": "en",
        "voices": call.voices,
        "sample_rate": telephone.SAMPLE_RATE,
        "duration_s": duration_s,
        "channels": channels,
    }


def wav(codes: np.ndarray) -> bytes:
    """Return a WAV file of mu-law codes, shape (n, channels): 18-byte `fmt `, `fact`, `data` (RFC 2361, format 7)."""
    n, channels = codes.shape
    rate = telephone.SAMPLE_RATE
    fmt = struct.pack("<HHIIHHH", 7, channels, rate, rate * channels, channels, 8, 0)
    data = codes.tobytes() + b"\0" * (codes.size % 2)
    chunks = ((b"fmt ", fmt, len(fmt)), (b"fact", struct.pack("<I", n), 4), (b"data", data, codes.size))
    body = b"WAVE" + b"".join(name + struct.pack("<I", size) + content for name, content, size in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def build(call: Call, kokoro: voices.Kokoro, folder: Path) -> list[Path]:
    """Write one call's recording and ground truth."""
    sides = perform(call, kokoro)
    codes = telephone.mu_law(record(sides, call))
    paths = [folder / f"{call.name}.wav", folder / f"{call.name}.json"]
    paths[0].write_bytes(wav(codes))
    timeline = truth(call, sides, len(codes) / telephone.SAMPLE_RATE)
    paths[1].write_text(json.dumps(timeline, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return paths


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, default=ARCHIVE, help="npm's kokoro-js archive (default: in .cache)")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="folder to write to (default: tests/examples)")
    parser.add_argument("--only", nargs="+", metavar="ID", help="build only these calls, without the manifest")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    kokoro = voices.Kokoro(args.voices)
    files = {}
    for call in read_calls(HERE / "dialogues.toml"):
        if not args.only or call.id in args.only:
            for path in build(call, kokoro, args.out):
                files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
                print(files[path.name][:12], path.name, flush=True)
    if not args.only:
        made_with = {**voices.versions(), args.voices.name: hashlib.sha256(args.voices.read_bytes()).hexdigest()}
        manifest = {"made_with": made_with, "sha256": files}
        (args.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
