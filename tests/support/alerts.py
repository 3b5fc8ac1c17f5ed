"""Settings for tests of alerts."""

import base64
import json

SECRET = base64.b64encode(bytes(range(32))).decode()

# With this prior, most speech is classified as anger: the example calls need attention with any model.
ANGRY_PRIOR = json.dumps(
    {"anger": 0.975} | dict.fromkeys(("disgust", "fear", "happiness", "neutral", "sadness"), 0.005)
)
