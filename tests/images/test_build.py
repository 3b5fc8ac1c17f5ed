"""Build and run the images without a container engine: `./run test-images`. Installing TensorFlow takes minutes."""

import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from images.containerfile import build
from stack.services import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Return the build context: the files that git tracks, with their current content."""
    folder = tmp_path_factory.mktemp("context")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    archive = subprocess.run(["tar", "-cT", "-"], cwd=ROOT, input=listed.encode(), capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def run(image, command):
    """Run a command in the image, and return its output."""
    child = image.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = child.communicate(timeout=900)
    assert child.returncode == 0, output
    return output


def test_training_image_runs_the_steps_of_the_pipeline(context, tmp_path):
    image = build(ROOT / "infra/images/train.Containerfile", context, tmp_path / "image")
    assert "ingest" in run(image, [*image.entrypoint, *image.command])
    corpus = tmp_path / "corpus"
    python, *_ = image.entrypoint
    run(image, [python, "-c", f"from model.tts import tones; tones.write_corpus(tones.Path({str(corpus)!r}))"])
    options = ["--run", str(tmp_path / "run"), "--config", "model/configs/quick.toml"]
    options += ["--corpora", f"csv={corpus}", "--registry", str(tmp_path / "registry")]
    for step in ("ingest", "validate", "features", "train", "export", "evaluate", "evaluate-telephone", "register"):
        run(image, [*image.entrypoint, "step", step, *options])
    assert list((tmp_path / "registry/versions").glob("*/emotion.tflite"))


def test_serving_image_answers_the_health_route_of_vertex_ai(context, tmp_path):
    image = build(ROOT / "infra/images/serve.Containerfile", context, tmp_path / "image")
    port = free_port()
    image.environment |= {"AIP_HTTP_PORT": str(port), "AIP_HEALTH_ROUTE": "/health", "AIP_PREDICT_ROUTE": "/predict"}
    with (tmp_path / "log").open("w") as log:
        child = image.run(image.entrypoint, stdout=log, stderr=log)
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert child.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.5)
        else:
            pytest.fail((tmp_path / "log").read_text())
    finally:
        child.terminate()
        child.wait(timeout=10)
