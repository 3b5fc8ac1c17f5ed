"""The log-mel spectrogram, compared with Whisper's on librosa."""

import librosa
import numpy as np
import pytest
from voices import voice

from callmood.emotion.log_mel import log_mel


def whisper_log_mel(samples):
    """Return the result of openai/whisper's `log_mel_spectrogram`, with librosa instead of torch."""
    stft = librosa.stft(samples, n_fft=400, hop_length=160, window="hann", pad_mode="reflect")
    magnitudes = np.abs(stft[:, :-1]) ** 2
    mel = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80) @ magnitudes
    log = np.log10(np.clip(mel, 1e-10, None))
    return ((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0).T


@pytest.mark.parametrize("seconds", [0.6, 1.234, 8.0])
def test_equals_whispers_spectrogram(seconds):
    samples = voice(seconds)
    expected = whisper_log_mel(samples)
    mel = log_mel(samples)
    assert mel.dtype == np.float32
    assert mel.shape == (len(samples) // 160, 80) == expected.shape
    np.testing.assert_allclose(mel, expected, atol=2e-4)


def test_silence_has_the_minimum_everywhere():
    mel = log_mel(np.zeros(16000, np.float32))
    assert mel.shape == (100, 80)
    np.testing.assert_allclose(mel, (-10 + 4) / 4, rtol=1e-6)


def test_clip_shorter_than_one_frame_is_rejected():
    assert log_mel(voice(0.01)).shape == (1, 80)
    with pytest.raises(ValueError, match="159 samples are too few"):
        log_mel(voice(1)[:159])
