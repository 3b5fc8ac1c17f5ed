"""Distill Whisper tiny.en's encoder into one that takes half of the time, on a GPU with PyTorch.

The student computes the same embedding, but its blocks process frames of 40 ms in place of 20 ms, and its weights have
8 bits from the start. It begins with Whisper's weights. Each step takes stretches of speech, degrades them like rooms
and telephone channels do, and moves the student's embeddings towards those of Whisper. It needs no labels.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as f

from callmood.emotion.log_mel import HOP, WINDOW, mel_filters
from callmood.types import SAMPLE_RATE
from model.data.corpora import Clip, load
from model.files import atomic_write
from model.networks.distilled_encoder import CONTEXT
from model.networks.whisper_encoder import BLOCKS, HEADS, WIDTH

Arrays = dict[str, NDArray[np.float32]]
Weights = dict[str, Tensor]

LENGTHS_S = (0.64, 0.8, 1.0, 1.28, 1.6, 2.0, 2.56, 3.2, 4.0, 5.12, 6.4, 8.0)  # few, so that the GPU reuses its plans
BATCH_S = 600.0
SPEED_OCTAVES = 0.35  # change of speed and pitch, up and down
LEARNING_RATE, WARM_UP = 4e-4, 200
WHITENED, WHITENED_WEIGHT = 400, 0.5
"""Principal components that count alike in the second part of the loss: emotions are not in the largest ones."""

_MAX_POSITIONS = 200  # of 40 ms: 8 s
_INT8_LIMIT = 127


# --- Networks ---


def encode(mel: Tensor, weights: Weights, student: bool) -> Tensor:
    """Compute the embeddings (b, 3072) of spectrograms of one length (b, t, 80) by Whisper's encoder or the student's.

    `model.networks.whisper_encoder` and `model.networks.distilled_encoder` define the same networks in Keras.
    """
    quantize = _rounded if student else lambda kernel: kernel
    x = mel.transpose(1, 2)
    for number, name in enumerate(CONTEXT):
        padding = CONTEXT[name] if student else (1, 1)
        stride = 2 if student else 1 + number
        x = f.conv1d(f.pad(x, padding), quantize(weights[f"{name}/weight"]), weights[f"{name}/bias"], stride)
        x = f.gelu(x, approximate="tanh")
    x = x.transpose(1, 2)
    x = x + weights["position_encodings/encodings"][: x.shape[1]]

    def linear(x: Tensor, name: str) -> Tensor:
        return f.linear(x, quantize(weights[f"{name}/weight"]), weights[f"{name}/bias"])

    def norm(x: Tensor, part: str) -> Tensor:
        return f.layer_norm(x, (WIDTH,), weights[f"{part}layer_norm/gamma"], weights[f"{part}layer_norm/beta"], 1e-5)

    pooled = []
    for block in range(BLOCKS):
        layer = f"layer_{block}/"
        qkv = linear(norm(x, f"{layer}self_attention/"), f"{layer}self_attention/linear_0").chunk(3, -1)
        query, key, value = (part.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2) for part in qkv)
        mixed = f.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + linear(mixed, f"{layer}self_attention/linear_1")
        hidden = f.gelu(linear(norm(x, f"{layer}ffn/"), f"{layer}ffn/linear_0"), approximate="tanh")
        x = x + linear(hidden, f"{layer}ffn/linear_1")
        frames = (norm(x, "") if block == BLOCKS - 1 else x).float()
        mean = frames.mean(1)
        pooled += [mean, (frames - mean[:, None]).square().mean(1).add(1e-8).sqrt()]
    return torch.cat(pooled, -1)


def _rounded(kernel: Tensor) -> Tensor:
    """Round to 8 bits with one scale, as in a TFLite file. The gradient passes unchanged (Bengio et al., 2013)."""
    scale = kernel.detach().abs().amax() / _INT8_LIMIT
    return kernel + ((kernel / scale).round() * scale - kernel).detach()


def initial_student(teacher: Weights) -> Weights:
    """Return Whisper's weights, changed to half the frame rate: the first kernel averages two frames."""
    student = {name: value.clone() for name, value in teacher.items()}
    kernel = teacher["conv1/weight"]  # (384, 80, 3)
    student["conv1/weight"] = (f.pad(kernel, (0, 1)) + f.pad(kernel, (1, 0))) / 2
    positions = teacher["position_encodings/encodings"][: 2 * _MAX_POSITIONS]
    student["position_encodings/encodings"] = positions.unflatten(0, (-1, 2)).mean(1)
    return student


# --- Audio ---


def log_mel(samples: Tensor, filters: Tensor) -> Tensor:
    """Compute Whisper's spectrogram like `callmood.emotion.log_mel.log_mel`: (b, n) -> (b, n // 160, 80)."""
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True)[..., :-1]
    log = (spectrum.abs().square().transpose(1, 2) @ filters).clamp_min(1e-10).log10()
    return (torch.maximum(log, log.amax((1, 2), keepdim=True) - 8) + 4) / 4


def degrade(samples: Tensor, generator: torch.Generator) -> Tensor:
    """Degrade speech (b, n) at random, each row in another way.

    A tilt of the spectrum, the pass band of a telephone, a room, noise, another level, clipping, mu-law with 8 bits or
    fewer, and lost packets.
    """
    (b, n), device = samples.shape, samples.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand((b, 1), generator=generator, device=device)

    def some(probability: float) -> Tensor:
        return torch.rand((b, 1), generator=generator, device=device) < probability

    def noise() -> Tensor:
        return torch.randn((b, n), generator=generator, device=device)

    def at_level(x: Tensor, level_db: Tensor) -> Tensor:
        return x / x.square().mean(1, keepdim=True).clamp_min(1e-10).sqrt() * 10 ** (level_db / 20)

    hz = torch.fft.rfftfreq(n, 1 / SAMPLE_RATE).to(device)
    octaves = (hz.clamp_min(30) / 1000).log2()
    gain = 10 ** (uniform(-3, 3) * octaves / 20)
    low, high = uniform(40, 350), uniform(3100, 3950)
    telephone = 1 / (1 + (low / hz.clamp_min(1)) ** 8).sqrt() / (1 + (hz / high) ** 24).sqrt()
    gain = torch.where(some(0.65), gain * telephone, gain)
    room = noise() * torch.exp(-6.9 * torch.arange(n, device=device) / SAMPLE_RATE / uniform(0.1, 0.6))
    room = room * uniform(0.002, 0.05)
    room[:, 0] = 1
    spectrum = torch.fft.rfft(samples)
    spectrum = torch.where(some(0.25), spectrum * torch.fft.rfft(room), spectrum)
    level_db = uniform(-35, -13)
    y = at_level(torch.fft.irfft(spectrum * gain, n), level_db)
    hiss = torch.fft.irfft(torch.fft.rfft(noise()) * gain * 10 ** (uniform(-6, 0) * octaves / 20), n)
    y = torch.where(some(0.6), y + at_level(hiss, level_db - uniform(3, 40)), y)
    y = torch.where(some(0.1), (y * 10 ** (uniform(0, 15) / 20)).clamp(-0.5, 0.5), y).clamp(-1, 1)
    steps = torch.where(some(0.15), 2 ** uniform(3.5, 7), torch.full((b, 1), 127.0, device=device)).round()
    compressed = (y.sign() * torch.log1p(255 * y.abs()) / math.log(256) * steps).round() / steps
    y = torch.where(some(0.6), compressed.sign() * torch.expm1(compressed.abs() * math.log(256)) / 255, y)
    packets = torch.rand((b, n // 320 + 1), generator=generator, device=device) < uniform(0, 0.08)  # of 20 ms
    lost = some(0.15) & packets.repeat_interleave(320, 1)[:, :n]
    return torch.where(lost, torch.zeros((), device=device), y)


def batches(streams: Sequence[NDArray[np.float32]], generator: torch.Generator, batch_s: float) -> Iterator[Tensor]:
    """Yield endless batches of degraded stretches of one length, 0.6 to 8 s, at a random speed: (b, n)."""
    device = generator.device
    audio = torch.tensor(np.concatenate(streams), dtype=torch.float16, device=device)
    sizes = torch.tensor([len(stream) for stream in streams], dtype=torch.float64, device=device)
    starts = sizes.cumsum(0) - sizes
    rng = np.random.default_rng(0)

    def random(b: int) -> Tensor:
        return torch.rand((b, 1), generator=generator, device=device, dtype=torch.float64)

    while True:
        seconds = LENGTHS_S[int(rng.integers(len(LENGTHS_S)))]
        b, n = max(1, round(batch_s / seconds)), round(seconds * SAMPLE_RATE)
        stream = torch.randint(len(sizes), (b, 1), generator=generator, device=device)
        rate = 2 ** (SPEED_OCTAVES * (2 * random(b) - 1))
        first = starts[stream] + random(b) * (sizes[stream] - n * rate - 2).clamp_min(0)
        position = first + torch.arange(n, device=device) * rate
        index = position.long().clamp_max(len(audio) - 2)
        share = (position - index).float()
        yield degrade(audio[index].float() * (1 - share) + audio[index + 1].float() * share, generator)


def speaker_streams(clips: Iterable[Clip]) -> list[NDArray[np.float32]]:
    """Decode clips, cut the silence at their ends, and join those of each speaker."""
    parts = defaultdict(list)
    for clip in clips:
        samples = load(clip)
        power = np.square(samples[: len(samples) // HOP * HOP]).reshape(-1, HOP).mean(axis=1)
        loud = np.flatnonzero(power > max(4e-4 * float(power.max(initial=0)), 1e-8))
        if len(loud):
            parts[clip.corpus, clip.speaker].append(samples[max(0, loud[0] - 8) * HOP : (loud[-1] + 9) * HOP])
    return [np.concatenate(parts[speaker]) for speaker in sorted(parts)]


# --- Training ---


def distill(
    streams: Sequence[NDArray[np.float32]], whisper: Arrays, minutes: float, device: str, batch_s: float = BATCH_S
) -> Arrays:
    """Train the student, and return the running mean of its weights.

    The loss is the mean squared difference of the embeddings, in standard deviations of Whisper's. A second part
    measures the same after whitening, because speakers and lines vary much more than emotions do.

    Parameters
    ----------
    streams : sequence of ndarray of float32
        Speech, 16 kHz; one array per speaker.
    whisper : dict of str to ndarray
        From `model.networks.whisper_weights.encoder_weights`.
    minutes : float
        Duration of the training. On an H200, 6 minutes are 11,700 steps.
    device : str
        "cuda" or "cpu".
    batch_s : float
        Speech in a batch, in seconds.
    """
    generator = torch.Generator(device).manual_seed(0)
    filters = torch.tensor(mel_filters(), device=device)
    teacher = {name: torch.tensor(array, device=device) for name, array in whisper.items()}
    data = batches(streams, generator, batch_s)
    with torch.no_grad():
        sample = torch.cat([encode(log_mel(next(data), filters), teacher, student=False) for _ in range(60)])
        deviation = sample.std(0)
        _, singular, axes = torch.linalg.svd((sample - sample.mean(0)) / deviation, full_matrices=False)
        components = min(WHITENED, len(sample) // 20)
        whitening = axes[:components].T * (math.sqrt(len(sample)) / singular[:components])

    student = {name: value.requires_grad_() for name, value in initial_student(teacher).items()}
    average = {name: value.detach().clone() for name, value in student.items()}
    optimizer = torch.optim.AdamW(student.values(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    started, step, reported = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - started) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done))
        mel = log_mel(next(data), filters)
        with torch.autocast(device, torch.bfloat16):
            with torch.no_grad():
                target = encode(mel, teacher, student=False)
            predicted = encode(mel, student, student=True)
        difference = (predicted - target) / deviation
        loss = difference.square().mean() + WHITENED_WEIGHT * (difference @ whitening).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.values(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for name, value in average.items():
                value.lerp_(student[name], 1 - min(0.999, step / (step + 50)))
        step += 1
        if done - reported > 0.05:
            reported = done
            print(f"{done:.0%}: step {step}, loss {loss.item():.4f}")
    return {name: value.cpu().numpy() for name, value in average.items()}


def write_weights(path: Path, weights: Arrays) -> None:
    """Write weights for `model.networks.distilled_encoder`: kernels with 8 bits and one scale each."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, array in weights.items():
        if name.startswith("position_encodings"):
            arrays[name] = array.astype(np.float16)
        elif array.ndim > 1:
            scale = np.float32(np.abs(array).max() / _INT8_LIMIT)
            arrays |= {name: np.round(array / scale).astype(np.int8), f"{name}/scale": np.asarray(scale)}
        else:
            arrays[name] = array
    with atomic_write(path) as unfinished, unfinished.open("wb") as opened:
        np.savez_compressed(opened, **arrays)
