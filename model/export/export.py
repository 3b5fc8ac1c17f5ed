"""Export the network of a training run to a TFLite file and its metadata."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.emotion.associated_files import BASELINE, POPULATION, pack_files, read_files
from callmood.emotion.baseline import BaselineEstimator, BaselineParameters, read_parameters
from callmood.emotion.log_mel import log_mel
from callmood.emotion.model import RUNTIMES, apply_prior, temperature
from callmood.resources import MODEL
from model import config, networks
from model.data import manifest
from model.data.clip import itemized
from model.data.corpora import Clip, load
from model.export import gates, speed
from model.export.parity import UNIFORM_PRIOR, durations_s, mean_baseline, sample_clips
from model.features.frontend import MAX_FRAMES
from model.files import atomic_write, write_json
from model.networks import Network
from model.networks.tflite import to_tflite
from model.training import runs

SHIPPED = MODEL / "emotion.tflite"
REFERENCE = MODEL / "emotion.tflite"


def write_model(path: Path, content: bytes, metadata: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write a model file and its metadata. The version is the first 12 digits of the file's SHA-256.

    Parameters
    ----------
    path : Path
    content : bytes
        A TFLite file.
    metadata : mapping
        Metadata without the version.
    files : mapping of str to bytes
        Files to pack into it, by name: `BASELINE`, and those of `callmood.emotion.associated_files` that apply.
    """
    content = pack_files(content, files)
    version = hashlib.sha256(content).hexdigest()[:12]
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    write_json(path.with_suffix(".json"), {"version": version, **metadata})


def read_model(path: Path) -> tuple[bytes, dict[str, Any], dict[str, bytes]]:
    """Read a model file, to write a changed one with `write_model`.

    Returns
    -------
    tuple of (bytes, dict, dict)
        The file, its metadata, and its packed files, without the version and the population, which a change makes
        invalid.
    """
    content = path.read_bytes()
    metadata: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    removed = ("version", "calibrated_from", "population_version")
    kept = {name: value for name, value in metadata.items() if name not in removed}
    return content, kept, {name: file for name, file in read_files(content).items() if name != POPULATION}


def run_metadata(run: Path) -> dict[str, Any]:
    """Read the metadata that training wrote.

    Raises
    ------
    RunError
        The training did not finish.
    """
    for name in ("config.toml", "model.keras", "metadata.json", BASELINE):
        if not (run / name).is_file():
            raise runs.RunError(f"{run / name} does not exist; create it with python -m model train --run {run}")
    return dict(json.loads((run / "metadata.json").read_text(encoding="utf-8")))


def load_network(run: Path) -> Network:
    """Load the trained network of a run, in float32."""
    network = networks.build(config.read(run / "config.toml"))
    network.trainable_model().load_weights(run / "model.keras")
    return network


def predict(
    network: Network, metadata: Mapping[str, Any], parameters: BaselineParameters, clips: Sequence[Clip]
) -> NDArray[np.float32]:
    """Predict clips with the network in float32, as `model.export.parity` does with a file: probabilities (n, 6)."""
    decoded = [load(clip) for clip in clips]
    embedded = np.concatenate([_embed(network, samples) for samples in decoded])  # (n, d)
    estimator = BaselineEstimator(parameters, metadata["baseline_shrinkage_s"], None)
    baseline, weight = estimator.locate(mean_baseline(embedded, durations_s(decoded)))  # (d,)
    logits = np.asarray(network.head([embedded, np.broadcast_to(baseline, embedded.shape)]))
    divisor = temperature(metadata["temperature"], metadata["temperature_known"], weight)
    return apply_prior(logits / np.float32(divisor), list(UNIFORM_PRIOR.values()))


def _embed(network: Network, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    mel = ops.convert_to_tensor(log_mel(samples)[None, :MAX_FRAMES])
    mask = ops.ones_like(mel[:, :, 0])
    features = network.frontend([mel, mask]) if network.frontend else mel
    return np.asarray(network.encoder([features, mask]))


def parity(file: Path, network: Network, metadata: Mapping[str, Any], manifest_file: Path) -> dict[str, Any]:
    """Compare a model file with its network on clips of a manifest, on every installed runtime.

    Returns
    -------
    dict
        `difference`, the mean absolute difference of the probabilities, and `agreement`, the share of clips with the
        same emotion, both of the worst runtime; and both by runtime.
    """
    parameters = read_parameters(read_files(file.read_bytes())[BASELINE])
    expected = predict(network, metadata, parameters, sample_clips(manifest.read(manifest_file)))
    by_runtime = {}
    for runtime, module in RUNTIMES.items():
        if find_spec(module.partition(".")[0]) is None:
            continue
        p = np.array(json.loads(_predict_in_process(file, manifest_file, runtime)))
        by_runtime[runtime] = {
            "difference": round(float(np.abs(p - expected).mean()), 5),
            "agreement": round(float((p.argmax(axis=1) == expected.argmax(axis=1)).mean()), 4),
        }
    return {
        "kind": "parity",
        "model": hashlib.sha256(file.read_bytes()).hexdigest()[:12],
        "clips": len(expected),
        "difference": max(result["difference"] for result in by_runtime.values()),
        "agreement": min(result["agreement"] for result in by_runtime.values()),
        "runtimes": by_runtime,
    }


def _predict_in_process(file: Path, manifest_file: Path, runtime: str) -> str:
    """Run the command `parity` in a process without TensorFlow, and return its output."""
    command = [sys.executable, "-m", "model", "parity"]
    command += ["--model", str(file), "--manifest", str(manifest_file), "--runtime", runtime]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise runs.RunError(f"the exported file does not run on {runtime}:\n{done.stderr.strip()[-2000:]}")
    return done.stdout.splitlines()[-1]


def check_gates(gates_file: Path, run: Path, config_digest: str, ship: bool) -> None:
    """Check the reports of a run against the gates: all gates before shipping, otherwise those on parity and speed.

    Raises
    ------
    RunError
        A gate failed.
    GatesError
        The gates or the reports cannot be used.
    """
    selected = [gate for gate in gates.read(gates_file) if ship or gate.report["kind"] in ("parity", "speed")]
    reports = gates.read_reports(sorted(run.glob("*.json")) if ship else [run / "parity.json", run / "speed.json"])
    gates.check_configuration(reports, config_digest)
    if failures := gates.failed(gates.check(selected, reports)):
        raise runs.RunError(f"the file was not written, because gates failed:{itemized(failures)}")


def export(run: Path, out: Path, gates_file: Path = gates.DEFAULT) -> None:
    """Write the model file and the metadata of a run. The parity and speed reports are kept even if a gate fails.

    Raises
    ------
    RunError
        The run is not complete, the file does not run, a gate failed, or `out` is the shipped model and the training
        data include a corpus whose license excludes that.
    GatesError
        The gates or the reports cannot be used.
    """
    metadata, ship = run_metadata(run), out.resolve() == SHIPPED.resolve()
    if ship and not metadata["may_ship"]:
        barred = ", ".join(metadata["license_blockers"])
        raise runs.RunError(f"a model trained on {barred} cannot be shipped as {out} (see model/cards)")
    network = load_network(run)
    content = to_tflite(network)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "emotion.tflite"
        write_model(file, content, metadata, {BASELINE: (run / BASELINE).read_bytes()})
        write_json(run / "parity.json", parity(file, network, metadata, run / "manifest.parquet"))
        write_json(run / "speed.json", speed.report(file, REFERENCE))
    check_gates(gates_file, run, metadata["config"], ship)
    write_model(out, content, metadata, {BASELINE: (run / BASELINE).read_bytes()})


def export_float(run: Path, out: Path) -> None:
    """Write the model file of a run with float32 weights, to measure the cost of quantization. No gate applies."""
    metadata = run_metadata(run)
    write_model(out, to_tflite(load_network(run), int8=False), metadata, {BASELINE: (run / BASELINE).read_bytes()})
