"""Networks from scratch: padding, learning, half precision, and the exported file."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train: pip install -e '.[train,test]'")

import keras
from voices import voice

from callmood.emotion.log_mel import log_mel
from model import config, networks
from model.features.dataset import Dataset

SMALL = {
    "cnn on MFCC": {"name": "cnn", "filters": [4, 8], "size": 16, "coefficients": 13},
    "rnn": {"name": "rnn", "units": 8, "size": 16},
    "crnn": {"name": "crnn", "filters": [4, 8], "units": 8, "size": 16},
}


@pytest.fixture(scope="module", params=SMALL)
def trained(request):
    """A network after 25 training steps, and its first and last loss."""
    network = build(SMALL[request.param])
    return network, train_steps(network, 25)


@pytest.fixture
def network(trained):
    return trained[0]


def build(architecture):
    return networks.build(config.parse({"architecture": architecture, "data": {"conditions": [["clean whole"]]}}))


def make_dataset(seconds, length=340):
    """Clips of these durations, padded with values that must not matter."""
    mels = [log_mel(voice(s, seed=i)) for i, s in enumerate(seconds)]
    padded = np.stack([np.pad(mel, ((0, length - len(mel)), (0, 0)), constant_values=3.0) for mel in mels])
    n = len(mels)
    return Dataset(
        padded,
        np.array(seconds, np.float32),
        np.zeros(n, int),
        np.eye(6, dtype=np.float32)[np.arange(n)],
        np.zeros(n, int),
        np.zeros(n, int),
        np.ones(n, np.float32),
    )


def train_steps(network, n):
    """Train n steps; return the first and the last loss."""
    model = network.trainable_model()
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.CategoricalCrossentropy(from_logits=True))
    clips = make_dataset([0.7, 1.5, 2.2, 3.3])
    inputs = [clips.features, clips.mask(), np.zeros((4, network.size), np.float32)]
    losses = []
    for _ in range(n):
        losses.append(float(model.train_on_batch(inputs, clips.targets)))
        model.reset_metrics()
    return losses[0], losses[-1]


def test_padding_does_not_change_the_embedding(network):
    seconds = [0.61, 1.01, 2.0, 3.33]  # odd and even numbers of frames
    together = network.embed(make_dataset(seconds))
    assert together.shape == (4, 16)
    for i, s in enumerate(seconds):
        mel = log_mel(voice(s, seed=i))[None]
        alone = keras.ops.convert_to_numpy(network.encoder([mel, np.ones(mel.shape[:2], np.float32)]))
        np.testing.assert_allclose(together[i], alone[0], atol=2e-4, rtol=2e-3)


def test_network_learns(trained):
    first, last = trained[1]
    assert last < 0.8 * first


def test_exported_file_predicts_like_the_network(network, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export needs TensorFlow")
    from ai_edge_litert.interpreter import Interpreter

    from model.networks.tflite import to_tflite

    run = Interpreter(model_content=to_tflite(network, int8=False), num_threads=1)
    embed, classify = (run.get_signature_runner(name) for name in ("embed", "classify"))
    for seconds in (0.61, 3.33, 8.0):
        mel = log_mel(voice(seconds))[None]
        embedding = embed(mel=mel)["embedding"]
        expected = np.asarray(network.encoder([mel, np.ones(mel.shape[:2], np.float32)]))
        np.testing.assert_allclose(embedding, expected, atol=5e-3, rtol=5e-3)
        logits = classify(embedding=embedding, baseline=0.5 * embedding)["logits"]
        np.testing.assert_allclose(logits, np.asarray(network.head([expected, 0.5 * expected])), atol=5e-3, rtol=5e-3)


def test_network_learns_in_half_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build({"name": "cnn", "filters": [4, 8], "size": 16})
        first, last = train_steps(network, 25)
        assert network.embed(make_dataset([1.0, 2.0])).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(policy)
    assert last < 0.8 * first


def test_tuning_changes_the_upper_blocks_only():
    network = build({"name": "whisper_tuned", "tuned_blocks": 1})
    before = [layer.get_weights() for layer in network.encoder.get_layer("encoder").layers if layer.weights]
    train_steps(network, 1)
    after = [layer.get_weights() for layer in network.encoder.get_layer("encoder").layers if layer.weights]
    same = [
        all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        for one, other in zip(before, after, strict=True)
    ]
    assert same == [True] * 20 + [False] * 7  # two convolutions and three blocks; one block and the last norm


def test_same_definitions_train_on_torch():
    pytest.importorskip("torch", reason="trains on PyTorch too, where it is installed: KERAS_BACKEND=torch")
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "learns or padding"]
    done = subprocess.run(again, env=os.environ | {"KERAS_BACKEND": "torch"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
