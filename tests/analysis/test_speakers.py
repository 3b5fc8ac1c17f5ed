"""Who speaks first in a channel with several parties."""

import numpy as np
import pytest

from callmood.analysis.speakers import _roles
from callmood.speech.diarization import UNASSIGNED, Separation


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
