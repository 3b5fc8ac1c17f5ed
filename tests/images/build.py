"""Follow the container files for real: `./run test-images`. It installs TensorFlow anew, which takes some minutes."""

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
    """What is sent to a build: files that git tracks, as they are now."""
    folder = tmp_path_factory.mktemp("context")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    archive = subprocess.run(["tar", "-cT", "-"], cwd=ROOT, input=listed.encode(), capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def finished(stage, *arguments):
    """Run the image with these arguments: what it printed."""
    child = stage.run([*stage.entrypoint, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = child.communicate(timeout=900)
    assert child.returncode == 0, printed
    return printed


def test_the_training_image_takes_every_step(context, tmp_path):
    image = build(ROOT / "infra/images/train.Containerfile", context, tmp_path / "image")
    assert "ingest" in finished(image, *image.command)
    made_up = tmp_path / "made-up"
    finished(image, "model.tts.tones", str(made_up))
    options = ["--run", str(tmp_path / "run"), "--config", "model/configs/quick.toml"]
    options += ["--corpora", f"csv={made_up}", "--registry", str(tmp_path / "registry")]
    for step in ("ingest", "validate", "features", "train", "export", "evaluate", "register"):
        finished(image, "step", step, *options)
    assert list((tmp_path / "registry/versions").glob("*/emotion.tflite"))


def test_the_serving_image_answers_where_vertex_ai_asks(context, tmp_path):
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
