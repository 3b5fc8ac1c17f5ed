"""The server keeps to its OpenAPI document, whatever is asked: schemathesis asks."""

import json
import subprocess
import sys
from pathlib import Path

from live_server import KEY, running


def test_schemathesis_finds_no_fault(tmp_path):
    api_key = "a key of some length"
    with running(API_KEY=api_key, SESSION_KEY=KEY) as server:
        asked = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{server.url}/openapi.json",
                f"--header=X-API-Key: {api_key}",
                # Bytes that fit the document are no audio as a rule, and are refused for that.
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
        assert asked.returncode == 0, asked.stdout
        assert "3 selected" in asked.stdout


def test_an_answer_fits_the_document(server, example):
    from jsonschema import Draft202012Validator

    document = server.ask("/openapi.json")[1]
    for name, answer in {
        "Prediction": server.ask("/score", example)[1],
        "Predictions": {"predictions": server.score(example, session=True)},
        "ProblemDetails": server.ask("/score", b"x")[1],
        "Health": server.ask("/health")[1],
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(json.loads(json.dumps(answer)))
