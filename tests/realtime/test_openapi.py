"""The server conforms to its OpenAPI document."""

import json
import subprocess
import sys
from pathlib import Path

from realtime_server import SESSION_KEY, run_server


def test_schemathesis_finds_no_violation(tmp_path):
    api_key = "a key of some length"
    with run_server(API_KEY=api_key, SESSION_KEY=SESSION_KEY) as server:
        completed = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{server.url}/openapi.json",
                f"--header=X-API-Key: {api_key}",
                # Random bytes conform to the document, but the server rejects them because they are not audio.
                "--exclude-checks=positive_data_acceptance",
                "--max-examples=40",
                "--seed=1",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert completed.returncode == 0, completed.stdout
        assert "3 selected" in completed.stdout


def test_responses_match_the_document(server, example):
    from jsonschema import Draft202012Validator

    document = server.request("/openapi.json")[1]
    for name, response in {
        "Prediction": server.request("/score", example)[1],
        "PredictResponse": {"predictions": server.predict(example, session=True)},
        "ProblemDetails": server.request("/score", b"x")[1],
        "Health": server.request("/health")[1],
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(json.loads(json.dumps(response)))
