"""Mel-frequency cepstral coefficients compared with librosa. Needs Keras (extra `train`)."""

import librosa
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from voices import voice

from callmood.emotion.log_mel import log_mel

pytest.importorskip("keras", reason="needs the extra train: pip install -e '.[train,test]'")

import keras

from model.features.mfcc import Mfcc


def by_librosa(mel, n):
    coefficients = librosa.feature.mfcc(S=40 * (mel.T - 1), n_mfcc=n)
    slope = librosa.feature.delta(coefficients, mode="nearest")
    return np.concatenate([coefficients, slope, librosa.feature.delta(slope, mode="nearest")]).T


@pytest.mark.parametrize("n", [13, 20])
@pytest.mark.parametrize("seconds", [0.6, 2.5])
def test_coefficients_equal_librosas(seconds, n):
    mel = log_mel(voice(seconds))
    found = np.asarray(Mfcc(n)(mel[None], np.ones((1, len(mel)), np.float32)))
    np.testing.assert_allclose(found[0], by_librosa(mel, n), atol=2e-3)


@pytest.mark.parametrize("filling", [0.0, 7.0])
def test_padding_has_no_influence(filling):
    mels = [log_mel(voice(seconds, seed=i)) for i, seconds in enumerate((0.5, 1.0, 0.73))]
    together, mask = np.full((3, 110, 80), filling, np.float32), np.zeros((3, 110), np.float32)
    for i, mel in enumerate(mels):
        together[i, : len(mel)], mask[i, : len(mel)] = mel, 1
    found = np.asarray(Mfcc()(together, mask))
    for i, mel in enumerate(mels):
        np.testing.assert_allclose(found[i, : len(mel)], by_librosa(mel, 20), atol=2e-3)
        assert (found[i, len(mel) :] == 0).all()


def test_layer_survives_saving_and_loading(tmp_path):
    mel, mask = keras.Input((None, 80)), keras.Input((None,))
    network = keras.Model([mel, mask], Mfcc(5)(mel, mask))
    network.save(tmp_path / "network.keras")
    x = [log_mel(voice(1.0))[None], np.ones((1, 100), np.float32)]
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(network(x)))
    assert again.output_shape == (None, None, 15)


def test_layer_runs_in_tflite():
    tf = pytest.importorskip("tensorflow")
    network = keras.Sequential([keras.Input((None, 80))])
    layer = Mfcc()

    @tf.function(input_signature=[tf.TensorSpec((1, None, 80))])
    def serve(mel):
        return layer(mel, tf.ones(tf.shape(mel)[:2]))

    content = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], network).convert()
    mel = log_mel(voice(1.3))
    signature = Interpreter(model_content=content).get_signature_runner()
    (found,) = signature(mel=mel[None]).values()
    np.testing.assert_allclose(found[0], by_librosa(mel, 20), atol=5e-3)
