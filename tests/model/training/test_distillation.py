"""The student of the distillation is the network of the model file, and learns."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="distillation needs PyTorch: pip install 'callmood[distill]'")
pytest.importorskip("keras", reason="needs the extra train: pip install -e '.[train,test]'")

from voices import voice


def test_student_is_the_network_of_the_model_file_and_learns(tmp_path):
    # PyTorch needs a process without TensorFlow.
    again = [sys.executable, __file__, str(tmp_path / "encoder.npz")]
    environment = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(again, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check(output):
    import torch
    from keras import ops

    from callmood.emotion.log_mel import log_mel, mel_filters
    from model.networks.distilled_encoder import DISTILLED, build_distilled_encoder, read_weights
    from model.networks.whisper_encoder import build_encoder
    from model.networks.whisper_weights import encoder_weights
    from model.training import distillation

    def embed(encoder, mel):
        inputs = [ops.convert_to_tensor(mel[None]), ops.ones((1, len(mel)))]
        return ops.convert_to_numpy(encoder(inputs))[0]

    clips = np.stack([voice(2.0, seed=seed) for seed in range(8)])
    mel = distillation.log_mel(torch.tensor(clips), torch.tensor(mel_filters())).cpu()
    np.testing.assert_allclose(mel[0], log_mel(clips[0]), atol=1e-3)

    weights = {name: torch.tensor(array) for name, array in read_weights(DISTILLED).items()}
    embedded = distillation.encode(mel, weights, student=True)
    np.testing.assert_allclose(embedded[0], embed(build_distilled_encoder(), mel[0].numpy()), atol=2e-2)

    whisper = {name: torch.tensor(array) for name, array in encoder_weights().items()}
    expected = distillation.encode(mel, whisper, student=False)
    np.testing.assert_allclose(expected[0], embed(build_encoder(encoder_weights()), mel[0].numpy()), atol=2e-2)

    distillation.WARM_UP = 5
    trained = distillation.distill(list(clips), encoder_weights(), minutes=0.4, device="cpu", batch_s=8)
    distillation.write_weights(output, trained)
    result = np.stack([embed(build_distilled_encoder(output), part.numpy()) for part in mel])
    start = distillation.encode(mel, distillation.initial_student(whisper), student=True)
    assert np.abs(result - expected.numpy()).mean() < 0.9 * np.abs((start - expected).numpy()).mean()


if __name__ == "__main__":
    from pathlib import Path

    check(Path(sys.argv[1]))
