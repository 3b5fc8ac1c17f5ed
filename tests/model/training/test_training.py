"""The encoder in Keras, and the way from clips to a file that serves. These need TensorFlow (extra `train`)."""

import json
import shutil
import sys
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs what training needs: pip install -e '.[train,test]'")

from model_corpus import write_cremad
from model_program import model_output
from voices import voice

from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.log_mel import log_mel
from callmood.emotion.model import RUNTIMES, load_model
from model import config
from model.export import export, gates
from model.networks.whisper_encoder import EMBEDDING, MAX_FRAMES, build_encoder
from model.networks.whisper_weights import encoder_weights
from model.training import runs, train


@pytest.fixture(scope="module")
def weights():
    return encoder_weights()


@pytest.fixture(scope="module")
def encoder(weights):
    return build_encoder(weights)


def test_temperatures_of_a_voice_that_is_known_and_of_one_that_is_not():
    rng = np.random.default_rng(0)
    n = 4000
    known = rng.random(n).astype(np.float32)
    true = rng.normal(0, 2, (n, 6))
    shares = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(6, p=share) for share in shares])
    logits = (true * (1.5 - known)[:, None]).astype(np.float32)  # as sure as if 1.5 and 0.5 had to divide them
    alone, voiced, loss = train.temperatures(logits, known, labels)
    assert (alone, voiced) == pytest.approx((1.5, 0.5), abs=0.1)
    assert loss < train.temperatures(logits, np.zeros(n, np.float32), labels)[2]


def padded(clips, length, filling):
    mel = np.full((len(clips), length, 80), filling, np.float32)
    mask = np.zeros((len(clips), length), np.float32)
    for i, clip in enumerate(clips):
        mel[i, : len(clip)], mask[i, : len(clip)] = clip, 1
    return mel, mask


@pytest.mark.parametrize("filling", [0.0, 5.0])
@pytest.mark.parametrize("length", [333, 400, MAX_FRAMES])
def test_padding_changes_nothing(encoder, length, filling):
    clips = [log_mel(voice(seconds, seed=i)) for i, seconds in enumerate((0.61, 2.0, 3.33))]  # odd and even lengths
    alone = np.concatenate([encoder([clip[None], np.ones((1, len(clip)), np.float32)]) for clip in clips])
    together = np.asarray(encoder(list(padded(clips, length, filling))))
    assert together.shape == (3, EMBEDDING)
    np.testing.assert_allclose(together, alone, atol=1e-4, rtol=1e-3)


def test_is_whispers_encoder(encoder, weights):
    """The first block's mean, worked out by hand in NumPy from Whisper's definition (openai/whisper, model.py)."""
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
    """A folder with a manifest, a configuration, and room for runs that share features."""
    root = tmp_path_factory.mktemp("training")
    model_output(
        "ingest", "--corpus", "cremad", "--root", write_cremad(root / "cremad", 4, 2), "--out", root / "m.parquet"
    )
    (root / "small.toml").write_text(CONFIG)
    (root / "cache").symlink_to(training_cache)
    return root


def command(module, *arguments):
    """Run a command as from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


def train_in(root, run, *more, config="small.toml"):
    made_from = ["--config", root / config, "--manifest", root / "m.parquet", "--cache", root / "cache"]
    command(train, *made_from, "--run", root / run, *more)


@pytest.fixture(scope="module")
def trained(root):
    train_in(root, "run", "--log", f"sqlite:///{root}/mlflow.db")
    command(export, "--run", root / "run", "--out", root / "run/emotion.tflite")
    return root / "run"


def test_what_was_trained_is_served_and_has_learned(trained):
    model = load_model(trained / "emotion.tflite")
    clips = [voice(3.0, seed=7, pitch_hz=105 + 40 * number) * np.float32(0.4 + 0.1 * number) for number in range(6)]
    embedded = np.stack([model.embed(clip) for clip in clips])
    p = model.classify(
        embedded, estimate_baseline(embedded, np.full(6, 3.0, np.float32)), dict.fromkeys(model.labels, 1 / 6)
    )
    assert (p.argmax(axis=1) == np.arange(6)).sum() >= 4


def test_embeddings_are_centered_on_the_training_set(trained):
    model = load_model(trained / "emotion.tflite")
    assert abs(model.embed(voice(3.0))).mean() < 3  # standard deviations


def test_the_file_is_held_against_the_network_on_every_runtime(trained):
    found = json.loads((trained / "parity.json").read_text())
    assert set(found["runtimes"]) == {name for name, module in RUNTIMES.items() if find_spec(module.partition(".")[0])}
    assert 0 < found["difference"] < 0.03  # 8 bits are not quite 32
    assert found["model"] == load_model(trained / "emotion.tflite").version
    took = json.loads((trained / "speed.json").read_text())
    assert took["megabytes"] == pytest.approx((trained / "emotion.tflite").stat().st_size / 1e6, abs=0.01)


def test_a_broken_gate_is_named(trained, tmp_path):
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nname = "size"\nof = { kind = "speed" }\nfigure = "megabytes"\nat_most = 5\n'
    )
    with pytest.raises(runs.RunError, match=r"not written:\n.*size is 9"):
        export.held(tmp_path / "gates.toml", trained, "c1", shipped=False)


def test_what_was_not_evaluated_is_not_shipped(trained):
    export.held(gates.DEFAULT, trained, "c1", shipped=False)
    with pytest.raises(runs.RunError, match="accuracy on every corpus it was evaluated on is not measured"):
        export.held(gates.DEFAULT, trained, "c1", shipped=True)


def test_folds_of_another_recipe_pass_no_gate(trained, tmp_path):
    (tmp_path / "folds.json").write_text(json.dumps({"kind": "crossvalidation", "config": "c2", "results": []}))
    with pytest.raises(gates.GatesError, match="of another configuration"):
        export.held(gates.DEFAULT, tmp_path, "c1", shipped=True)


def test_a_file_that_does_not_run_is_not_written(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "to_tflite", lambda _: b"no model")
    with pytest.raises(SystemExit, match="the new file does not run"):
        command(export, "--run", trained, "--out", tmp_path / "emotion.tflite")
    assert not list(tmp_path.iterdir())


def test_what_learned_from_a_barred_corpus_is_not_shipped(trained, tmp_path, monkeypatch):
    facts = json.loads((trained / "facts.json").read_text())
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "facts.json").write_text(json.dumps({**facts, "may_ship": False, "license_blockers": ["ravdess"]}))
    monkeypatch.setattr(export, "SHIPPED", tmp_path / "shipped/emotion.tflite")
    with pytest.raises(SystemExit, match="learned from ravdess"):
        command(export, "--run", run, "--out", tmp_path / "shipped/emotion.tflite")
    assert not (tmp_path / "shipped").exists()


def test_the_file_names_what_it_was_made_from(trained):
    facts = json.loads((trained / "emotion.json").read_text())
    assert facts["version"] == load_model(trained / "emotion.tflite").version
    assert facts["trained_on"] == "CREMA-D, 24 clips of 2 speakers of train"  # one of three watches, one is valid
    assert facts["may_ship"] is True
    assert facts["config"] == config.read(trained / "config.toml").digest()
    assert (facts["embedding_size"], facts["encoder_weights"]) == (EMBEDDING, "Whisper tiny.en")


def test_every_epoch_is_told_of(root, trained):
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    [told] = client.search_runs([client.get_experiment_by_name("callmood").experiment_id])
    history = json.loads((trained / "history.json").read_text())
    losses = client.get_metric_history(told.info.run_id, "watch_loss")
    assert [(loss.step, loss.value) for loss in losses] == [(e["epoch"], e["watch_loss"]) for e in history]
    assert (told.data.params["training.epochs"], told.info.status) == ("8", "FINISHED")


@pytest.mark.parametrize(
    ("address", "said"),
    [("vertex://acme/europe-west1", "write vertex://PROJECT"), ("carrier://pigeon", "carrier://pigeon cannot be")],
)
def test_a_log_that_cannot_be_used_is_named(root, trained, address, said):
    with pytest.raises(SystemExit, match=said):
        train_in(root, "run", "--resume", "--log", address)


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(root, trained, monkeypatch):
    kept = runs.keep

    def stopped(checkpoint, state, history):
        kept(checkpoint, state, history)
        if checkpoint.name == "last" and len(history) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_in(root, "stopped")
    assert not (root / "stopped/model.keras").exists()
    monkeypatch.setattr(runs, "keep", kept)
    train_in(root, "stopped", "--resume")

    def without_clock(run):
        return [{**epoch, "seconds": 0} for epoch in json.loads((run / "history.json").read_text())]

    assert without_clock(root / "stopped") == without_clock(trained)
    whole, resumed = (export.trained(run).learner().get_weights() for run in (trained, root / "stopped"))
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_that_holds_a_run_is_not_written_over(root, trained):
    before = (trained / "model.keras").read_bytes()
    with pytest.raises(SystemExit, match="holds a run already"):
        train_in(root, "run")
    (root / "other.toml").write_text(CONFIG.replace("epochs = 8", "epochs = 9"))
    with pytest.raises(SystemExit, match="begun with another configuration"):
        train_in(root, "run", "--resume", config="other.toml")
    assert (trained / "model.keras").read_bytes() == before


def test_nothing_is_made_where_something_is_missing(root, tmp_path):
    with pytest.raises(SystemExit, match=r"none\.parquet does not exist"):
        command(train, "--config", root / "small.toml", "--manifest", "none.parquet", "--run", tmp_path / "run")
    (root / "greedy.toml").write_text(CONFIG.replace("held_out_speakers = 1", "held_out_speakers = 3"))
    with pytest.raises(SystemExit, match="has 3 speakers in train, of whom data"):
        train_in(root, tmp_path / "greedy", config="greedy.toml")
    with pytest.raises(SystemExit, match=r"config\.toml is not there; python -m model\.train"):
        command(export, "--run", tmp_path / "run", "--out", tmp_path / "emotion.tflite")
    assert not (tmp_path / "emotion.tflite").exists()
    assert not (tmp_path / "run").exists()
