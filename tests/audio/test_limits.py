"""Limits of what one recording may spend: memory, processor time, filled silence, and channels."""

import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from audio_files import FORMATS, wav
from invalid_recordings import ebml

from callmood.audio import sandbox
from callmood.audio.content import BytesContent, FileContent
from callmood.audio.probe import identify
from callmood.audio.sandbox import Allowance, open_sandboxed
from callmood.audio.stream import open_audio
from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.errors import BadRecording
from callmood.models.resolver import StaticModelProvider
from callmood.services.batch import analyze_file

MP3 = next(f for f in FORMATS if f.name == "MP3")


def verdict(audio):
    """The failure code of a recording, and the processor seconds that it took in both processes."""
    started = time.process_time() + children_cpu_s()
    with pytest.raises(BadRecording) as error, open_audio(audio) as stream:
        for _ in stream.blocks():
            pass
    return error.value.code, time.process_time() + children_cpu_s() - started


def children_cpu_s():
    times = os.times()
    return times.children_user + times.children_system


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def m4a(*tables, tracks=1, size=4000, codec=b"ulaw"):
    """An M4A file with 4 kB of audio, and these sample tables."""
    entry = struct.pack(">I4s6xH8xHHHHI", 36, codec, 1, 1, 16, 0, 0, 8000 << 16)
    table = {b"stsd": box(b"stsd", struct.pack(">II", 0, 1), entry)}
    table |= {b"stts": box(b"stts", struct.pack(">IIII", 0, 1, size, 1))}
    table |= {b"stsc": box(b"stsc", struct.pack(">IIIII", 0, 1, 1, size, 1))}
    table |= {b"stsz": box(b"stsz", struct.pack(">III", 0, 1, size))}
    table |= {b"stco": box(b"stco", struct.pack(">III", 0, 1, 28))}
    table |= {one[4:8]: one for one in tables}
    header = box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 8000, size, 0, 0))
    handler = box(b"hdlr", struct.pack(">II4s12xB", 0, 0, b"soun", 0))
    reference = box(b"dinf", box(b"dref", struct.pack(">II", 0, 1), box(b"url ", struct.pack(">I", 1))))
    information = box(b"minf", box(b"smhd", bytes(8)), reference, box(b"stbl", *table.values()))
    track = box(
        b"trak",
        box(b"tkhd", struct.pack(">IIIII", 7, 0, 0, 1, 0), bytes(64)),
        box(b"mdia", header, handler, information),
    )
    movie = box(b"moov", box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 8000, size), bytes(80)), track * tracks)
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"mdat", bytes(4000)) + movie


def test_an_ordinary_index_is_accepted():
    with open_audio(m4a()) as stream:
        assert sum(block.shape[1] for block in stream.blocks()) == 8000


MILLIONS = 60_000_000
INDEXES = {
    "samples of equal size": m4a(box(b"stsz", struct.pack(">III", 0, 160, MILLIONS))),
    "samples of one byte": m4a(box(b"stsz", struct.pack(">III", 0, 1, MILLIONS))),
    "samples without sizes": m4a(box(b"stsz", struct.pack(">III", 0, 0, MILLIONS))),
    "compact sample sizes": m4a(box(b"stz2", struct.pack(">III", 0, 4, MILLIONS))),
    "durations": m4a(box(b"stts", struct.pack(">IIII", 0, 1, MILLIONS, 160))),
    "duration runs": m4a(box(b"stts", struct.pack(">IIII", 0, MILLIONS, 1, 160))),
    "composition times": m4a(box(b"ctts", struct.pack(">IIII", 0, 1, MILLIONS, 0))),
    "chunks": m4a(box(b"stco", struct.pack(">III", 0, MILLIONS, 28))),
    "long chunks": m4a(box(b"co64", struct.pack(">IIQ", 0, MILLIONS, 28))),
    "chunk runs": m4a(box(b"stsc", struct.pack(">IIIII", 0, MILLIONS, 1, 4000, 1))),
    "sync samples": m4a(box(b"stss", struct.pack(">III", 0, MILLIONS, 1))),
    "three tracks of fewer samples": m4a(box(b"stsz", struct.pack(">III", 0, 160, MILLIONS // 20)), tracks=3),
    "a thousand tracks": m4a(tracks=1000),
}


@pytest.mark.parametrize("name", INDEXES)
def test_index_that_states_more_than_the_file_contains_is_damaged(name):
    code, cpu_s = verdict(INDEXES[name])
    assert code == "damaged"
    assert cpu_s < 1


def gaps(channels, times):
    """A Matroska file (RFC 9559) with 20 ms of 16-bit noise at each of these times, in seconds."""
    audio = ebml("e1", ebml("b5", struct.pack(">d", 8000.0)), ebml("9f", bytes([channels])), ebml("6264", b"\x10"))
    track = ebml(
        "ae", *(ebml(*f) for f in (("d7", b"\1"), ("73c5", b"\1"), ("83", b"\2"), ("86", b"A_PCM/INT/LIT"))), audio
    )
    noise = np.random.default_rng(0).integers(-3000, 3000, (160, channels), dtype="<i2").tobytes()
    clusters = [
        ebml("1f43b675", ebml("e7", struct.pack(">I", round(1000 * at))), ebml("a3", b"\x81\0\0\x80" + noise))
        for at in times
    ]
    return ebml("1a45dfa3", ebml("4282", b"matroska")) + ebml("18538067", ebml("1654ae6b", track), *clusters)


@pytest.mark.parametrize(("channels", "count"), [(64, 1), (32, 2), (16, 20), (8, 30), (2, 40)])
def test_long_gaps_with_little_audio_are_too_costly(channels, count):
    recording = gaps(channels, [599.0 * i for i in range(count + 1)])
    assert len(recording) < 200_000
    code, cpu_s = verdict(recording)
    assert code == "too_costly"
    assert cpu_s < 10


def test_a_call_on_hold_with_suppressed_silence_is_decoded():
    with open_audio(gaps(2, [0, 590, 1180])) as stream:
        assert sum(block.shape[1] for block in stream.blocks()) / 16_000 == pytest.approx(1180, abs=1)
        assert stream.warnings == ["gaps_filled"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process")
@pytest.mark.parametrize("codec", [b"mp4a", b"ulaw"])
def test_index_that_is_as_large_as_it_states_is_limited_by_memory(tmp_path, codec):
    """A file of 80 MB can prove 20 million samples, which need 560 MB of memory."""
    count = 20_000_000
    sizes = box(b"stsz", struct.pack(">III", 0, 0, count), struct.pack(">I", 1) * count)
    path = tmp_path / "call.m4a"
    path.write_bytes(m4a(sizes, box(b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1)), size=count, codec=codec))
    del sizes
    code, peak_mb, decoder_mb = python(f"""
        import re, threading, time
        from pathlib import Path
        from callmood.audio import sandbox
        from callmood.audio.stream import open_audio
        from callmood.errors import BadRecording

        def peak_mb(pid):
            status = Path(f"/proc/{{pid}}/status").read_text()
            return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1000

        def watch(process):
            while process.is_alive:
                try:
                    peaks.append(peak_mb(process._process.pid))
                except (TypeError, FileNotFoundError):
                    return
                time.sleep(0.01)

        peaks, code = [], "decoded"
        process = sandbox.DecoderProcess()
        sandbox._pool.give_back(process)
        threading.Thread(target=watch, args=(process,)).start()
        try:
            with open_audio(Path({str(path)!r})) as stream:
                next(stream.blocks())
        except BadRecording as bad:
            code = bad.code
        print(code, peak_mb("self"), max(peaks))
    """).split()
    assert code in {"too_costly", "damaged"}
    assert float(peak_mb) < 150
    assert float(decoder_mb) < 350


def test_decoder_stops_at_its_processor_time():
    content = BytesContent(MP3.example(8000, 1, seconds=60))
    with pytest.raises(BadRecording, match="processor time") as error:
        open_sandboxed(content, identify(content), Allowance(cpu_s=0.0))
    assert error.value.code == "too_costly"


def test_joined_recordings_share_their_processor_time():
    content = BytesContent(MP3.example(8000, 1, seconds=60))
    allowance = Allowance()
    decoder = open_sandboxed(content, identify(content), allowance)
    assert sum(len(chunk) for chunk in decoder.chunks()) / 16_000 == pytest.approx(60, abs=0.1)
    # A minute of one channel adds 0.5 s.
    assert 29.5 < allowance.cpu_s < 30.5


def test_endless_id3_tags_are_damaged():
    code, cpu_s = verdict(b"ID3\x04\0\0\0\0\0\0" * 500_000)
    assert code == "damaged"
    assert cpu_s < 1


@pytest.mark.parametrize(
    ("header", "chunk"),
    [
        (b"RIFF\xff\xff\xff\x7fWAVE", b"junk\0\0\0\0"),
        (b"FORM\x7f\xff\xff\xffAIFF", b"junk\0\0\0\0"),
        (b"caff\0\1\0\0", b"free" + bytes(8)),
        (b"fLaC\0\0\0\x22" + bytes(34), b"\1\0\0\0"),
        (b"OggS\0\2" + bytes(20) + b"\0", b"OggS" + bytes(23)),
        (b"\0\0\0\x14ftypisom\0\0\2\0isom", b"\0\0\0\x08free"),
        (b"\x1a\x45\xdf\xa3\x80", b"\xec\x80"),
    ],
)
def test_millions_of_empty_parts_are_rejected_in_seconds(header, chunk):
    code, cpu_s = verdict(header + chunk * (8_000_000 // len(chunk)))
    assert code in {"damaged", "too_costly", "no_audio", "invalid_format"}
    assert cpu_s < 10


def current_process():
    """The process that decodes an open recording."""
    with open_audio(MP3.example(8000, 1, seconds=60)) as stream:
        process = stream._decoder._process
        blocks = stream.blocks(1.0)
        next(blocks)
        yield process._process
        yield list(blocks)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_recording_that_crashes_the_decoder_is_damaged(number):
    process, blocks = None, current_process()
    process = next(blocks)
    os.kill(process.pid, number)
    with pytest.raises(BadRecording, match="stopped with status") as error:
        next(blocks)
    assert error.value.code == "damaged"
    with open_audio(MP3.example(8000, 1)) as stream:
        assert sum(block.shape[1] for block in stream.blocks()) > 30_000


def test_recordings_share_a_process():
    pids = set()
    for _ in range(3):
        with open_audio(MP3.example(8000, 1)) as stream:
            pids.add(stream._decoder._process._process.pid)
            assert list(stream.blocks())
    assert len(pids) == 1


def test_recording_that_is_closed_early_leaves_no_process():
    stream = open_audio(MP3.example(8000, 1, seconds=600))
    process = stream._decoder._process._process
    with stream:
        next(stream.blocks())
    assert process.poll() is not None


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the states of processes from /proc")
@pytest.mark.parametrize("state", ["idle", "decoding"])
def test_killed_analysis_leaves_no_process(tmp_path, state):
    path = tmp_path / "call.mp3"
    path.write_bytes(MP3.example(8000, 1, seconds=600))
    code = f"""
        import os, signal
        from pathlib import Path
        from callmood.audio.stream import open_audio
        stream = open_audio(Path({str(path)!r}))
        pid = stream._decoder._process._process.pid
        blocks = stream.blocks()
        next(blocks)
        if {state == "idle"}:
            list(blocks)
        print(pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    pid = python(code).strip()
    assert pid
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or ") Z " in status.read_text():
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} still runs")


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the environment of a process from /proc")
def test_decoder_process_has_no_secrets(monkeypatch):
    monkeypatch.setenv("API_KEY", "secret")
    sandbox._pool.close()
    with open_audio(MP3.example(8000, 1)) as stream:
        pid = stream._decoder._process._process.pid
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_unreadable_file_is_no_property_of_the_recording(tmp_path, monkeypatch):
    """An error of a disk or of a network drive can be temporary, so it must not become a failure of the recording."""
    path = tmp_path / "call"
    for example in (MP3.example(8000, 1), wav()):
        path.write_bytes(example)
        reads = iter(range(100))

        def fail(self, offset, length, read=FileContent.read_at, reads=reads):
            if next(reads) >= 2:
                raise OSError(5, "Input/output error")
            return read(self, offset, length)

        with monkeypatch.context() as patch:
            patch.setattr(FileContent, "read_at", fail)
            with pytest.raises(OSError, match="Input/output"), open_audio(path) as stream:
                list(stream.blocks())


def test_platform_without_processes_decodes_in_this_process(monkeypatch):
    def refuse(*args, **more):
        raise PermissionError

    sandbox._pool.close()
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with open_audio(MP3.example(8000, 1)) as stream:
        assert np.abs(np.concatenate(list(stream.blocks()), axis=1)).max() > 0.4
    content = BytesContent(MP3.example(8000, 1))
    with pytest.raises(BadRecording, match="processor time"):
        open_sandboxed(content, identify(content), Allowance(cpu_s=0.0))


def python(code):
    """Run code in a new process, and return its output."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "functions")}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


def test_channels_share_the_limit_of_the_duration(tmp_path):
    """MAX_DURATION_S applies to two channels, so 16 channels may last an eighth of it."""
    for seconds, status in ((5, "analyzed"), (6, "failed")):
        path = tmp_path / f"{seconds}.wav"
        path.write_bytes(wav(bytes(2 * 16 * 8000 * seconds), channels=16))
        config = AnalysisConfig(max_duration_s=40)
        result = analyze_file(path, StaticModelProvider(load_model()), config)
        assert result.status == status
    assert result.row is not None
    assert result.row["code"] == "too_costly"
