"""Damaged recordings of every format, and the verdict on a recording with what it cost."""

import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from invalid_recordings import EXAMPLES, GOOD

from callmood.audio import sandbox
from callmood.audio.stream import WARNINGS, open_audio
from callmood.errors import BadRecording

SEEDS = {
    **EXAMPLES,
    "joined WAV": GOOD + GOOD,
    "joined MP3": EXAMPLES["MP3 mp3"] * 2,
    "chained Ogg": EXAMPLES["Ogg opus"] + EXAMPLES["Ogg vorbis"],
    "raw": GOOD[44:],
}
SUFFIXES = ["", ".wav", ".ulaw", ".sln", ".g729"]
EXTREMES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]

RAW_FORMATS = [None, "ulaw/8000/1"]

POSITIONS = st.floats(0, 1, exclude_max=True)
FLIPS = st.tuples(st.just("flip"), POSITIONS, st.integers(1, 255))
NUMBERS = st.tuples(st.just("number"), POSITIONS, st.sampled_from(EXTREMES), st.sampled_from([2, 4, 8]), st.booleans())
CUTS = st.tuples(st.just("cut"), POSITIONS)
REMOVALS = st.tuples(st.just("remove"), POSITIONS, st.integers(1, 64))
REPEATS = st.tuples(st.just("repeat"), POSITIONS, st.integers(1, 200), st.integers(2, 50))
GRAFTS = st.tuples(st.just("graft"), POSITIONS, st.sampled_from(sorted(SEEDS)))

MUTATIONS = st.lists(FLIPS | NUMBERS | CUTS | REMOVALS | REPEATS | GRAFTS, max_size=8)
RECORDINGS = st.tuples(
    st.sampled_from(sorted(SEEDS)), MUTATIONS, st.sampled_from(SUFFIXES), st.sampled_from(RAW_FORMATS)
)
"""Arguments of `check`."""


def mutate(seed: str, mutations: list[tuple]) -> bytes:
    """Return a recording after these mutations. Positions are squared: most errors are possible in the header."""
    data = bytearray(SEEDS[seed])
    for kind, position, *values in mutations:
        at = int(position**2 * len(data))
        if kind == "flip" and data:
            data[at] ^= values[0]
        elif kind == "number":
            number, length, is_big = values
            data[at : at + length] = (number % 256**length).to_bytes(length, "big" if is_big else "little")
        elif kind == "cut":
            del data[max(1, int(position * len(data))) :]
        elif kind == "remove":
            del data[at : at + values[0]]
        elif kind == "repeat":
            data[at:at] = data[at : at + values[0]] * values[1]
        elif kind == "graft":
            data[at:] = SEEDS[values[0]]
    return bytes(data[:4_000_000])


@dataclass(frozen=True)
class Verdict:
    """The result of a recording: its failure, or its format, samples, and warnings."""

    code: str
    message: str
    info: object = None
    samples: int = 0
    warnings: tuple[str, ...] = ()
    checksum: float = 0.0


def judge(audio: Path | bytes, suffix: str, raw_audio: str | None) -> Verdict:
    """Decode a recording within the limits of callers, and check each block."""
    samples, checksum = 0, 0.0
    try:
        with open_audio(audio, suffix, raw_audio) as stream:
            for block in stream.blocks():
                samples += block.shape[1]
                checksum += float(block.sum(dtype=np.float64))
                assert block.dtype == np.float32
                assert block.shape[0] == stream.info.channels
                assert np.abs(block).max(initial=0) <= 1  # false for NaN
                if samples * len(block) > 7200 * 16_000:
                    return Verdict("", "", stream.info, samples)  # callers limit the duration
        assert set(stream.warnings) <= set(WARNINGS)
        return Verdict("", "", stream.info, samples, tuple(sorted(stream.warnings)), round(checksum, 3))
    except BadRecording as bad:  # its constructor rejects unknown codes
        return Verdict(bad.code, bad.message)


def spent() -> tuple[float, float]:
    """Return the processor seconds of this process and its decoders, and the peak memory of this process in MB."""
    times = os.times()
    cpu_s = time.process_time() + times.children_user + times.children_system
    for process in sandbox._pool._idle:
        fields = Path(f"/proc/{process._process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def check(seed: str, mutations: list[tuple], suffix: str, raw_audio: str | None) -> Verdict:
    """Check a recording after these mutations; result as of `check_data`."""
    return check_data(mutate(seed, mutations), suffix, raw_audio)


def check_data(data: bytes, suffix: str, raw_audio: str | None) -> Verdict:
    """Check that a damaged recording has one verdict, from a path and from bytes, within the limits."""
    cpu_s, peak_mb = spent()
    from_bytes = judge(data, suffix, raw_audio)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        from_path = judge(Path(file.name), suffix, raw_audio)
    spent_s, new_peak_mb = spent()
    assert from_path == from_bytes
    assert not from_bytes.code or (from_bytes.message[0].isupper() and from_bytes.message.endswith("."))
    minutes = from_bytes.samples * (from_bytes.info.channels if from_bytes.info else 1) / 16_000 / 60
    assert spent_s - cpu_s < 2 * (30 + minutes)
    assert new_peak_mb - peak_mb < 150
    return from_bytes
