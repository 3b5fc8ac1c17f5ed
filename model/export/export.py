"""Write the TFLite file that serves, and its facts: `python -m model export --run RUN --out RUN/emotion.tflite`."""

from __future__ import annotations

import argparse
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

from callmood.emotion.log_mel import log_mel
from callmood.emotion.model import RUNTIMES, apply_prior, temperature
from callmood.resources import MODEL
from model import config, networks, remote_paths
from model.config import ConfigError
from model.data import manifest
from model.data.clip import itemized
from model.data.corpora import Clip, CorpusError, load
from model.export import gates, speed
from model.export.parity import EVEN, durations_s, some_clips
from model.features.frontend import MAX_FRAMES
from model.files import atomic_write, write_json
from model.networks import Network
from model.networks.tflite import to_tflite
from model.training import runs

SHIPPED = MODEL / "emotion.tflite"
REFERENCE = MODEL / "emotion.tflite"


def write(path: Path, content: bytes, facts: Mapping[str, Any]) -> None:
    """Write a model file and, beside it, its facts and its version, the first 12 digits of its SHA-256."""
    version = hashlib.sha256(content).hexdigest()[:12]
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content)
    write_json(path.with_suffix(".json"), {"version": version, **facts})


def trained_facts(run: Path) -> dict[str, Any]:
    """Read the facts that `model.training.train` left.

    Raises
    ------
    RunError
        It left nothing there, or did not come to its end.
    """
    for name in ("config.toml", "model.keras", "facts.json"):
        if not (run / name).is_file():
            raise runs.RunError(f"{run / name} is not there; python -m model train --run {run} makes it")
    return dict(json.loads((run / "facts.json").read_text(encoding="utf-8")))


def trained(run: Path) -> Network:
    """Read the network that `model.training.train` left, in float32."""
    network = networks.build(config.read(run / "config.toml"))
    network.learner().load_weights(run / "model.keras")
    return network


def answers(network: Network, facts: Mapping[str, Any], clips: Sequence[Clip]) -> NDArray[np.float32]:
    """What the network itself answers, in float32, as `model.export.parity` asks a file: (n, 6)."""
    sounds = [load(clip) for clip in clips]
    embedded = np.concatenate([_embedded(network, sound) for sound in sounds])  # (n, d)
    seconds = durations_s(sounds)
    total = seconds.sum() + np.float32(facts["baseline_shrinkage_s"])
    baseline, known = seconds @ embedded / total, seconds.sum() / total  # (d,)
    logits = np.asarray(network.head([embedded, np.broadcast_to(baseline, embedded.shape)]))
    divisor = temperature(facts["temperature"], facts["temperature_known"], float(known))
    return apply_prior(logits / np.float32(divisor), list(EVEN.values()))


def _embedded(network: Network, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    mel = ops.convert_to_tensor(log_mel(sound)[None, :MAX_FRAMES])
    mask = ops.ones_like(mel[:, :, 0])
    features = network.frontend([mel, mask]) if network.frontend else mel
    return np.asarray(network.body([features, mask]))


def parity(file: Path, network: Network, facts: Mapping[str, Any], rows: Path) -> dict[str, Any]:
    """Hold a file against the network that it was made of, on real clips of the manifest `rows`, on every runtime.

    Returns
    -------
    dict
        `difference`, the mean of that between probabilities, and `same_answers`, the share of clips told alike, both of
        the runtime where they are worst; and by runtime.
    """
    exact = answers(network, facts, some_clips(manifest.read(rows)))
    by_runtime = {}
    for runtime, module in RUNTIMES.items():
        if find_spec(module.partition(".")[0]) is None:
            continue
        p = np.array(json.loads(_told(file, rows, runtime)))
        by_runtime[runtime] = {
            "difference": round(float(np.abs(p - exact).mean()), 5),
            "same_answers": round(float((p.argmax(axis=1) == exact.argmax(axis=1)).mean()), 4),
        }
    return {
        "kind": "parity",
        "model": hashlib.sha256(file.read_bytes()).hexdigest()[:12],
        "clips": len(exact),
        "difference": max(found["difference"] for found in by_runtime.values()),
        "same_answers": min(found["same_answers"] for found in by_runtime.values()),
        "runtimes": by_runtime,
    }


def _told(file: Path, rows: Path, runtime: str) -> str:
    """Ask a file on a runtime, in a process without TensorFlow."""
    command = [sys.executable, "-m", "model", "parity", "--model", file, "--manifest", rows, "--runtime", runtime]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise runs.RunError(f"the new file does not run on {runtime}:\n{done.stderr.strip()[-2000:]}")
    return done.stdout.splitlines()[-1]


def held(gates_file: Path, run: Path, recipe: str, shipped: bool) -> None:
    """Hold what was measured of a run's model against gates; before it is shipped against all of them.

    Raises
    ------
    RunError
        A gate is broken.
    GatesError
        The gates or the run's reports cannot be used.
    """
    wanted = [gate for gate in gates.read(gates_file) if shipped or gate.of["kind"] in ("parity", "speed")]
    reports = gates.read_reports(sorted(run.glob("*.json")) if shipped else [run / "parity.json", run / "speed.json"])
    gates.refuse_other_recipes(reports, recipe)
    if breaches := gates.broken(gates.check(wanted, reports)):
        raise runs.RunError(f"the new file is not written:{itemized(breaches)}")


def export(run: Path, out: Path, gates_file: Path = gates.DEFAULT) -> None:
    """Write a run's model file and its facts; what was measured of it goes into the run, also where it is refused.

    Raises
    ------
    RunError
        The run is not complete; the file does not run or breaks a gate; or it learned from what a shipped model must not
        learn from, and `out` is the shipped model's place.
    GatesError
        The gates or the run's reports cannot be used.
    """
    facts, shipped = trained_facts(run), out.resolve() == SHIPPED.resolve()
    if shipped and not facts["may_ship"]:
        barred = ", ".join(facts["license_blockers"])
        raise runs.RunError(f"{out} is shipped, and this model learned from {barred}: name another file (model/cards)")
    network = trained(run)
    content = to_tflite(network)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "emotion.tflite"
        write(file, content, facts)
        write_json(run / "parity.json", parity(file, network, facts, run / "manifest.parquet"))
        write_json(run / "speed.json", speed.report(file, REFERENCE))
    held(gates_file, run, facts["config"], shipped)
    write(out, content, facts)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=remote_paths.kept, required=True, help="what `python -m model train` left")
    parser.add_argument(
        "--out", type=remote_paths.target, required=True, help="the .tflite file; its facts go beside it"
    )
    parser.add_argument(
        "--gates",
        type=remote_paths.source,
        default=gates.DEFAULT,
        help="what it must reach; all of that where OUT is the shipped model, by the reports in RUN",
    )
    parser.add_argument("--float", action="store_true", help="keep float32 weights, to see what 8 bits cost; no gates")
    args = parser.parse_args()
    try:
        if args.float:
            write(args.out, to_tflite(trained(args.run), int8=False), trained_facts(args.run))
        else:
            export(args.run, args.out, args.gates)
    except (ConfigError, CorpusError, gates.GatesError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB, and {args.out.with_suffix('.json').name}")


if __name__ == "__main__":
    remote_paths.run(main)
