"""The head inside a model file. These tests need TensorFlow (extra `train`)."""

import hashlib

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra train: pip install -e '.[train,test]'")

from scipy.special import erf
from voices import voice

from callmood.emotion.model import EmotionModel, load_model
from callmood.resources import MODEL
from model.networks.tflite_head import read_head, replace_head

SHIPPED = MODEL / "emotion.tflite"


def test_weights_compute_the_logits_of_the_file():
    model, (kernel, bias, output, output_bias) = load_model(), read_head(SHIPPED.read_bytes())
    embedded = np.stack([model.embed(voice(2.0, seed=seed)) for seed in range(3)])
    x = embedded @ kernel + bias
    logits = 0.5 * x * (1 + erf(x / np.sqrt(2))) @ output + output_bias
    uniform = dict.fromkeys(model.labels, 1 / 6)
    divided = np.exp(logits / model._temperature_unknown)
    p = divided / divided.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.classify(embedded, None, uniform), p, atol=0.02)  # 8-bit arithmetic


def test_head_that_is_replaced_by_itself_gives_the_same_bytes():
    content = SHIPPED.read_bytes()
    assert replace_head(content, read_head(content)) == content


def test_replaced_head_changes_the_classification_but_no_embedding():
    content = SHIPPED.read_bytes()
    kernel, bias, output, output_bias = read_head(content)
    changed = replace_head(content, [kernel, bias, np.roll(output, 1, axis=1), np.roll(output_bias, 1)])
    assert len(changed) == len(content)
    shipped = load_model()
    metadata = {
        "version": hashlib.sha256(changed).hexdigest()[:12],
        "labels": shipped.labels,
        "prior": shipped.prior,
        "confidence_threshold": 0.5,
        "temperature": 1.0,
        "baseline_shrinkage_s": 5.0,
        "max_frames": 800,
    }
    other = EmotionModel(changed, metadata)
    clip = voice(2.0)
    embedded = shipped.embed(clip)[None]
    np.testing.assert_array_equal(other.embed(clip)[None], embedded)
    uniform = dict.fromkeys(shipped.labels, 1 / 6)
    expected = np.roll(shipped.classify(embedded, None, uniform).argmax(), 0) + 1
    assert other.classify(embedded, None, uniform).argmax() == expected % 6
