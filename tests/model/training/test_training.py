"""Whisper's encoder in Keras, training, and export. These tests need TensorFlow (extra `train`)."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra train: pip install -e '.[train,test]'")

from model_corpus import write_cremad
from model_program import model_error, model_output, run_model
from voices import voice

from callmood.emotion.log_mel import log_mel
from callmood.emotion.model import RUNTIMES, load_model
from model import config
from model.export import export, gates
from model.networks.whisper_encoder import EMBEDDING, MAX_FRAMES, build_encoder
from model.networks.whisper_weights import encoder_weights
from model.training import fit, runs


@pytest.fixture(scope="module")
def weights():
    return encoder_weights()


@pytest.fixture(scope="module")
def encoder(weights):
    return build_encoder(weights)


def test_fitted_temperatures_depend_on_the_speaker_weight():
    rng = np.random.default_rng(0)
    n = 4000
    weight = rng.random(n).astype(np.float32)
    true = rng.normal(0, 2, (n, 6))
    shares = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(6, p=share) for share in shares])
    logits = (true * (1.5 - weight)[:, None]).astype(np.float32)  # to be divided by 1.5 to 0.5
    alone, with_baseline, loss = fit.fit_temperatures(logits, weight, labels)
    assert (alone, with_baseline) == pytest.approx((1.5, 0.5), abs=0.1)
    assert loss < fit.fit_temperatures(logits, np.zeros(n, np.float32), labels)[2]


def padded(clips, length, filling):
    mel = np.full((len(clips), length, 80), filling, np.float32)
    mask = np.zeros((len(clips), length), np.float32)
    for i, clip in enumerate(clips):
        mel[i, : len(clip)], mask[i, : len(clip)] = clip, 1
    return mel, mask


@pytest.mark.parametrize("filling", [0.0, 5.0])
@pytest.mark.parametrize("length", [333, 400, MAX_FRAMES])
def test_padding_does_not_change_the_embedding(encoder, length, filling):
    clips = [log_mel(voice(seconds, seed=i)) for i, seconds in enumerate((0.61, 2.0, 3.33))]  # odd and even lengths
    alone = np.concatenate([encoder([clip[None], np.ones((1, len(clip)), np.float32)]) for clip in clips])
    together = np.asarray(encoder(list(padded(clips, length, filling))))
    assert together.shape == (3, EMBEDDING)
    np.testing.assert_allclose(together, alone, atol=1e-4, rtol=1e-3)


def test_encoder_equals_whispers_encoder(encoder, weights):
    """Compare the first block with a NumPy implementation from Whisper's definition (openai/whisper, model.py)."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    mel = log_mel(voice(1.0)).astype(np.float64)

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def convolve(x, name, stride):
        x = np.pad(x, ((1, 1), (0, 0)))
        windows = [x[i : i + 3].T for i in range(0, len(x) - 2, stride)]
        return np.stack([np.tensordot(w[f"{name}/weight"], window, 2) for window in windows]) + w[f"{name}/bias"]

    def norm(x, name):
        centered = x - x.mean(axis=1, keepdims=True)
        return centered / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def linear(x, name):
        return x @ w[f"{name}/weight"].T + w[f"{name}/bias"]

    x = gelu(convolve(gelu(convolve(mel, "conv1", 1)), "conv2", 2))
    x = x + w["position_encodings/encodings"][: len(x)]
    q, k, v = np.split(
        linear(norm(x, "layer_0/self_attention/layer_norm"), "layer_0/self_attention/linear_0"), 3, axis=1
    )
    heads = []
    for h in range(6):
        part = slice(64 * h, 64 * (h + 1))
        scores = q[:, part] @ k[:, part].T / 8
        attention = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(attention / attention.sum(axis=1, keepdims=True) @ v[:, part])
    x = x + linear(np.concatenate(heads, axis=1), "layer_0/self_attention/linear_1")
    x = x + linear(gelu(linear(norm(x, "layer_0/ffn/layer_norm"), "layer_0/ffn/linear_0")), "layer_0/ffn/linear_1")

    embedding = np.asarray(encoder([mel[None].astype(np.float32), np.ones((1, 100), np.float32)]))[0]
    np.testing.assert_allclose(embedding[:384], x.mean(axis=0), atol=2e-4)
    np.testing.assert_allclose(embedding[384:768], x.std(axis=0), atol=2e-4)


CONFIG = """
[architecture]
name = "whisper_probe"

[data]
held_out_speakers = 1
conditions = [["clean whole"], ["telephone speech"]]

[training]
epochs = 8
batch = 32
mixup = 0.3
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory, training_cache):
    """A folder with a manifest, a configuration, and a shared feature cache."""
    root = tmp_path_factory.mktemp("training")
    model_output(
        "ingest", "--corpus", "cremad", "--root", write_cremad(root / "cremad", 4, 2), "--out", root / "m.parquet"
    )
    (root / "small.toml").write_text(CONFIG)
    (root / "cache").symlink_to(training_cache)
    return root


def run_training(root, run, *more, config="small.toml"):
    inputs = ["--config", root / config, "--manifest", root / "m.parquet", "--cache", root / "cache"]
    return run_model("train", *inputs, "--run", root / run, *more)


def error(result):
    """The error message of a failed command."""
    assert result.exit_code == 1
    return result.stderr


@pytest.fixture(scope="module")
def trained(root):
    assert run_training(root, "run", "--log", f"sqlite:///{root}/mlflow.db").exit_code == 0
    model_output("export", "--run", root / "run", "--out", root / "run/emotion.tflite")
    return root / "run"


def test_exported_model_has_learned(trained):
    model = load_model(trained / "emotion.tflite")
    clips = [voice(3.0, seed=7, pitch_hz=105 + 40 * number) * np.float32(0.4 + 0.1 * number) for number in range(6)]
    embedded = np.stack([model.embed(clip) for clip in clips])
    prior = dict.fromkeys(model.labels, 1 / 6)
    baseline = model.estimate_baseline(embedded, np.full(6, 3.0, np.float32), prior=prior)
    p = model.classify(embedded, baseline, prior)
    assert (p.argmax(axis=1) == np.arange(6)).sum() >= 4


def test_head_is_trained_again_on_estimated_baselines(root, trained):
    (root / "estimated.toml").write_text(f"{CONFIG}\n[baselines]\nestimated = true\n")
    assert run_training(root, "estimated", config="estimated.toml").exit_code == 0
    first, again = (export.load_network(run) for run in (trained, root / "estimated"))
    for one, other in zip(first.encoder.get_weights(), again.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(first.head.get_weights()[0] - again.head.get_weights()[0]).max() > 1e-4


def test_embeddings_are_scaled_to_the_training_set(trained):
    model = load_model(trained / "emotion.tflite")
    assert abs(model.embed(voice(3.0))).mean() < 3  # standard deviations


def test_exported_file_agrees_with_the_network_on_every_runtime(trained):
    report = json.loads((trained / "parity.json").read_text())
    assert set(report["runtimes"]) == {name for name, module in RUNTIMES.items() if find_spec(module.partition(".")[0])}
    assert 0 < report["difference"] < 0.03  # 8 bits differ slightly from 32
    assert report["model"] == load_model(trained / "emotion.tflite").version
    speed = json.loads((trained / "speed.json").read_text())
    assert speed["megabytes"] == pytest.approx((trained / "emotion.tflite").stat().st_size / 1e6, abs=0.01)


def test_failed_gate_is_named(trained, tmp_path):
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nname = "size"\nreport = { kind = "speed" }\nmetric = "megabytes"\nat_most = 5\n'
    )
    with pytest.raises(runs.RunError, match=r"not written, because gates failed:\n.*size is 9"):
        export.check_gates(tmp_path / "gates.toml", trained, "c1", ship=False)


def test_model_without_evaluation_is_not_shipped(trained):
    export.check_gates(gates.DEFAULT, trained, "c1", ship=False)
    with pytest.raises(runs.RunError, match="accuracy on every evaluated corpus is not measured"):
        export.check_gates(gates.DEFAULT, trained, "c1", ship=True)


def test_cross_validation_of_another_configuration_is_rejected(trained, tmp_path):
    (tmp_path / "folds.json").write_text(json.dumps({"kind": "crossvalidation", "config": "c2", "results": []}))
    with pytest.raises(gates.GatesError, match="of another configuration"):
        export.check_gates(gates.DEFAULT, tmp_path, "c1", ship=True)


def test_file_that_does_not_run_is_not_written(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "to_tflite", lambda _: b"no model")
    message = model_error("export", "--run", trained, "--out", tmp_path / "emotion.tflite")
    assert "the exported file does not run" in message
    assert not list(tmp_path.iterdir())


def test_model_trained_on_a_barred_corpus_is_not_shipped(trained, tmp_path, monkeypatch):
    metadata = json.loads((trained / "metadata.json").read_text())
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "metadata.json").write_text(json.dumps({**metadata, "may_ship": False, "license_blockers": ["ravdess"]}))
    monkeypatch.setattr(export, "SHIPPED", tmp_path / "shipped/emotion.tflite")
    message = model_error("export", "--run", run, "--out", tmp_path / "shipped/emotion.tflite")
    assert "trained on ravdess cannot be shipped" in message
    assert not (tmp_path / "shipped").exists()


def test_metadata_describes_the_training(trained):
    metadata = json.loads((trained / "emotion.json").read_text())
    assert metadata["version"] == load_model(trained / "emotion.tflite").version
    assert metadata["trained_on"] == "CREMA-D, 24 clips of 2 speakers of train"  # one is held out, one is valid
    assert metadata["may_ship"] is True
    assert metadata["config"] == config.read(trained / "config.toml").digest()
    assert (metadata["embedding_size"], metadata["encoder_weights"]) == (EMBEDDING, "distilled from Whisper tiny.en")


def test_every_epoch_is_logged(root, trained):
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    [logged] = client.search_runs([client.get_experiment_by_name("callmood").experiment_id])
    history = json.loads((trained / "history.json").read_text())
    losses = client.get_metric_history(logged.info.run_id, "held_out_loss")
    assert [(loss.step, loss.value) for loss in losses] == [(e["epoch"], e["held_out_loss"]) for e in history]
    assert (logged.data.params["training.epochs"], logged.info.status) == ("8", "FINISHED")


@pytest.mark.parametrize(
    ("address", "message"),
    [("vertex://acme/europe-west1", "use vertex://PROJECT"), ("carrier://pigeon", "cannot log to carrier://pigeon")],
)
def test_invalid_experiment_log_is_named(root, trained, address, message):
    assert message in error(run_training(root, "run", "--resume", "--log", address))


class Killed(BaseException):
    """Ends a command like a signal."""


def test_resumed_training_equals_an_uninterrupted_one(root, trained, monkeypatch):
    save_checkpoint = runs.save_checkpoint

    def interrupted(checkpoint, state, history):
        save_checkpoint(checkpoint, state, history)
        if checkpoint.name == "last" and len(history) == 3:
            raise Killed

    monkeypatch.setattr(runs, "save_checkpoint", interrupted)
    with pytest.raises(Killed):
        run_training(root, "interrupted")
    assert not (root / "interrupted/model.keras").exists()
    monkeypatch.setattr(runs, "save_checkpoint", save_checkpoint)
    assert run_training(root, "interrupted", "--resume").exit_code == 0

    def without_clock(run):
        return [{**epoch, "seconds": 0} for epoch in json.loads((run / "history.json").read_text())]

    assert without_clock(root / "interrupted") == without_clock(trained)
    whole, resumed = (
        export.load_network(run).trainable_model().get_weights() for run in (trained, root / "interrupted")
    )
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_existing_run_is_not_overwritten(root, trained):
    before = (trained / "model.keras").read_bytes()
    assert "already contains a run" in error(run_training(root, "run"))
    (root / "other.toml").write_text(CONFIG.replace("epochs = 8", "epochs = 9"))
    result = run_training(root, "run", "--resume", config="other.toml")
    assert "was started with another configuration" in error(result)
    assert (trained / "model.keras").read_bytes() == before


def test_failed_command_writes_nothing(root, tmp_path):
    inputs = ["--config", root / "small.toml", "--manifest", "none.parquet"]
    assert "none.parquet does not exist" in model_error("train", *inputs, "--run", tmp_path / "run")
    (root / "greedy.toml").write_text(CONFIG.replace("held_out_speakers = 1", "held_out_speakers = 3"))
    result = run_training(root, tmp_path / "greedy", config="greedy.toml")
    assert "has 3 speakers in train, and data" in error(result)
    message = model_error("export", "--run", tmp_path / "run", "--out", tmp_path / "emotion.tflite")
    assert "config.toml does not exist; create it with python -m model train" in message
    assert not (tmp_path / "emotion.tflite").exists()
    assert not (tmp_path / "run").exists()
