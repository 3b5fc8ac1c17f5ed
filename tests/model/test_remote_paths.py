"""Commands with `gs://` addresses: real commands, the real client, and fake-gcs-server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from corpora_made import CREMAD, write_corpus
from google.cloud import storage
from stack.services import ServiceMissing, do_without, storage_emulator

from model import remote_paths
from model.data import manifest

ROOT = Path(__file__).parents[2]

# Otherwise the library requests the bucket's metadata after the emulator has stopped.
QUIET = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """Yield a bucket and the environment variables that commands need."""
    try:
        # No service receives its events.
        with storage_emulator(tmp_path_factory.mktemp("logs"), "127.0.0.1:1", "none") as url:
            environment = {"STORAGE_EMULATOR_HOST": url, "GOOGLE_CLOUD_PROJECT": "demo", QUIET: "true"}
            with pytest.MonkeyPatch.context() as patched:
                for name, value in environment.items():
                    patched.setenv(name, value)
                yield storage.Client().create_bucket("acme"), environment
    except ServiceMissing as missing:
        do_without(missing)


@pytest.fixture
def bucket(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("CALLMOOD_SCRATCH", str(tmp_path / "here"))
    for blob in cloud[0].list_blobs():
        blob.delete()
    return cloud[0]


def step(machine, *arguments):
    """Run a command with an own scratch folder, as on another machine."""
    machine.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"CALLMOOD_SCRATCH": str(machine), "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def upload(bucket, folder, prefix):
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.blob(f"{prefix}/{path.relative_to(folder)}").upload_from_filename(path)


def names(bucket):
    return {blob.name for blob in bucket.list_blobs()}


def test_manifest_of_a_remote_corpus_is_readable_on_another_machine(bucket, tmp_path, monkeypatch):
    upload(bucket, write_corpus(tmp_path / "cremad", CREMAD), "corpora/cremad")
    out = "gs://acme/runs/7/manifest.parquet"
    read = ["-m", "model", "ingest", "--corpus", "cremad", "--root", "gs://acme/corpora/cremad", "--out", out]
    for _ in range(2):  # commands are repeatable
        done = step(tmp_path / "one", *read)
        assert done.returncode == 0, done.stderr
        assert {name for name in names(bucket) if name.startswith("runs")} == {"runs/7/manifest.parquet"}
    checked = step(tmp_path / "two", "-m", "model", "validate", out, "--json", "gs://acme/runs/7/validation.json")
    report = json.loads(bucket.blob("runs/7/validation.json").download_as_bytes())
    assert (checked.returncode, report["clips"], report["ok"]) == (0, 12, True), checked.stderr
    rows = manifest.read(remote_paths.input_path(out))
    assert all(Path(row.path).is_file() for row in rows)


def test_failed_command_uploads_its_report_only(bucket, tmp_path):
    corpus = write_corpus(tmp_path / "cremad", CREMAD)
    upload(bucket, corpus, "corpora/cremad")
    out = "gs://acme/runs/8/manifest.parquet"
    read = ["-m", "model", "ingest", "--corpus", "cremad", "--root", "gs://acme/corpora/cremad", "--out", out]
    assert step(tmp_path / "one", *read).returncode == 0
    bucket.blob("corpora/cremad/AudioWAV/1001_DFA_ANG_XX.wav").upload_from_string(b"RIFF")
    checked = step(tmp_path / "two", "-m", "model", "validate", out, "--json", "gs://acme/runs/8/validation.json")
    assert checked.returncode == 1
    assert "unreadable, 1" in checked.stdout
    assert not json.loads(bucket.blob("runs/8/validation.json").download_as_bytes())["ok"]
    refused = step(tmp_path / "three", *read[:-1], "gs://acme/runs/9/manifest.parquet")
    assert "AudioWAV/1001_DFA_ANG_XX.wav" in refused.stderr
    assert not any(name.startswith("runs/9") for name in names(bucket))


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("gs://acme/nothing", "gs://acme/nothing does not exist"),
        ("gs://nobody/cremad", "nobody"),
        ("gs://", "gs://BUCKET"),
    ],
)
def test_missing_object_is_reported_in_one_line(bucket, tmp_path, root, message):
    done = step(
        tmp_path / "one",
        "-m",
        "model",
        "ingest",
        "--corpus",
        "cremad",
        "--root",
        root,
        "--out",
        "gs://acme/m.parquet",
    )
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not names(bucket)


def test_input_includes_files_with_the_same_stem_and_subfolders(bucket):
    for name in ("m/emotion.tflite", "m/emotion.json", "m/emotion.reference.json", "m/emotions.json", "m/old/a/b.txt"):
        bucket.blob(name).upload_from_string(name)
    model = remote_paths.input_path("gs://acme/m/emotion.tflite")
    assert sorted(path.name for path in model.parent.iterdir()) == [
        "emotion.json",
        "emotion.reference.json",
        model.name,
    ]
    assert remote_paths.address(model) == "gs://acme/m/emotion.tflite"
    assert (remote_paths.input_path("gs://acme/m/old/") / "a/b.txt").read_text() == "m/old/a/b.txt"


def test_only_changed_files_are_transferred(bucket):
    for name in ("kept/1", "kept/2"):
        bucket.blob(name).upload_from_string(name)
    generations = {blob.name: blob.generation for blob in bucket.list_blobs()}
    folder = remote_paths.checkpoint_path("gs://acme/kept")
    (folder / "2").write_text("changed")
    (folder / ".3.tmp").write_text("half of it")
    remote_paths.put([folder])
    assert names(bucket) == {"kept/1", "kept/2"}
    changed = {blob.name for blob in bucket.list_blobs() if blob.generation != generations[blob.name]}
    assert changed == {"kept/2"}
    bucket.blob("kept/1").upload_from_string("newer")
    assert (remote_paths.input_path("gs://acme/kept") / "1").read_text() == "newer"


@pytest.mark.parametrize(
    ("end", "left"), [("pass", {"kept/c", "made/m"}), ("sys.exit(3)", {"kept/c"}), ("1 / 0", {"kept/c"})]
)
def test_outputs_are_uploaded_after_success_and_checkpoints_always(bucket, tmp_path, end, left):
    done = step(tmp_path / "one", "-c", COMMAND.replace("END", end))
    assert names(bucket) == left, done.stderr


def test_checkpoints_are_uploaded_after_sigterm(bucket, tmp_path):
    """Cloud Run sends SIGTERM at a timeout, Vertex AI before it preempts a machine."""
    (tmp_path / "one").mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", COMMAND.replace("END", "print('ready', flush=True); time.sleep(60)")],
        env=os.environ | {"CALLMOOD_SCRATCH": str(tmp_path / "one"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=30) == 143
    assert names(bucket) == {"kept/c"}


COMMAND = """
import sys, time
from model import remote_paths

with remote_paths.transfers():
    kept, made = remote_paths.checkpoint_path("gs://acme/kept"), remote_paths.output_path("gs://acme/made")
    for path in (kept / "c", made / "m"):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    END
"""


def test_address_outside_the_scratch_folder_is_rejected():
    for address in ("gs://acme/../../etc/passwd", "gs://..", "gs://"):
        with pytest.raises(remote_paths.RemotePathError, match="invalid address"):
            remote_paths.local(address)
