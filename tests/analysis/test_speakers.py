"""The speakers of a channel with several parties: which of them the model can separate, and who speaks first."""

import hashlib
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from recordings import example

from callmood.analysis.analyzer import analyze
from callmood.analysis.speakers import _roles
from callmood.config import AnalysisConfig
from callmood.emotion.associated_files import SPEAKERS, pack_files, read_files
from callmood.emotion.model import EmotionModel
from callmood.resources import MODEL
from callmood.speech.diarization import UNASSIGNED, Separation, SpeakerSpace, read_speaker_space
from callmood.types import ObjectRef, Recording


def model_of(encoder, speakers=None):
    """Return the shipped model as if another encoder embedded the segments, with a packed discriminant of speakers."""
    content = (MODEL / "emotion.tflite").read_bytes()
    if speakers is not None:
        content = pack_files(content, read_files(content) | {SPEAKERS: speakers})
    metadata = json.loads((MODEL / "emotion.json").read_text())
    version = hashlib.sha256(content).hexdigest()[:12]
    return EmotionModel(content, metadata | {"version": version, "encoder_weights": encoder})


def test_speakers_are_separated_only_by_a_discriminant_for_the_encoder_of_the_model():
    shipped = (MODEL / "speakers.npz").read_bytes()
    own = read_speaker_space(shipped)
    fitted = SpeakerSpace(own._mean, own._transform, own.slope, own.weights, "tuned")
    models = [
        model_of(own.encoder),
        model_of("tuned"),
        model_of("tuned", shipped),
        model_of("tuned", fitted.to_bytes()),
    ]
    content = example(1007).read_bytes()
    recording = Recording(ObjectRef("", "a.wav", 1), content, len(content), "0" * 64, datetime.now(UTC))
    of_shipped, without, of_another, of_own = (
        [(segment.start_s, segment.role) for segment in analyze(recording, model, AnalysisConfig()).segments]
        for model in models
    )
    assert {role for _, role in of_shipped} >= {"agent", "customer"}
    assert {role for _, role in without} == {role for _, role in of_another} == {"unknown"}
    assert of_own == of_shipped


@pytest.mark.parametrize(
    ("labels", "confidence", "first"),
    [
        ([0, 1, 0, 1], [0.99, 0.99, 0.99, 0.99], 0),
        ([1, 0, 1, 0], [0.8, 0.99, 0.99, 0.99], 1),
        ([1, 0, 0, 1], [0.61, 0.99, 0.99, 0.99], 0),
        ([UNASSIGNED, 1, 0, 1], [0.55, 0.99, 0.99, 0.99], 1),
    ],
    ids=["certain", "probable", "doubtful", "unassigned"],
)
def test_first_speaker_is_decided_by_the_first_segments_and_their_confidence(labels, confidence, first):
    separation = Separation(np.array(labels), np.array(confidence), np.eye(2, 40, dtype=np.float32))
    roles = _roles(separation, np.ones(len(labels)), True, None)
    assert roles[first] == "agent"
    assert roles[1 - first] == "customer"
