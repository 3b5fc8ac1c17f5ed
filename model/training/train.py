"""Train a model: `python -m model train --config model/configs/shipped.toml --manifest M --run RUN`.

Clips are heard once in every way that the configuration names (`model.training.extract`). Then, epoch by epoch:

    bank      every clip's embedding, by the network as it stands
    baseline  each clip's own, of clips of its speaker drawn from the bank afresh
    learn     to tell the emotion from the embedding less the baseline
    watch     the speakers set aside: how surely they are told right

Last, the weights of the best epoch are kept. RUN gets config.toml, checkpoints/, history.json, model.keras, facts.json.
After a stop, `--resume` goes on after the last whole epoch as if nothing had happened.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.optimize import minimize
from scipy.special import log_softmax

from callmood.emotion.model import temperature
from model import config, networks, remote_paths
from model.augmentation.transforms import spec_augment
from model.config import Config, ConfigError
from model.data import manifest
from model.data.corpora import CorpusError
from model.features.dataset import Dataset
from model.files import atomic_write, write_json
from model.networks import Network
from model.training import baseline_sampling, runs
from model.training.extract import CACHE, chosen, embedder, listen
from model.training.model_metadata import facts
from model.training.tracking import LogError, Tell, told

Floats = NDArray[np.float32]


def even_weights(labels: NDArray[np.intp], counts: Floats) -> Floats:
    """Weights that make all emotions count the same, (m,) with mean 1: serving takes the prior from elsewhere."""
    there, number = np.unique(labels, return_inverse=True)
    share = counts / np.bincount(number, counts)[number]  # of its emotion
    return (len(labels) / len(there) * share).astype(np.float32)


def blend(one: NDArray[Any], other: NDArray[Any], share: Floats) -> NDArray[Any]:
    """Take a share (b,) of `one` and the rest of `other`, both (b, ...)."""
    share = share.reshape(-1, *[1] * (one.ndim - 1))
    return share * one + (1 - share) * other


def temperatures(logits: Floats, known: Floats, labels: NDArray[np.intp]) -> tuple[float, float, float]:
    """Find the two divisors of logits that make the labels likeliest, as `EmotionModel.classify` uses them.

    Parameters
    ----------
    logits : ndarray of float32, shape (m, 6)
    known : ndarray of float32, shape (m,)
        How well each clip's voice is known; see `callmood.emotion.baseline.SpeakerBaseline.shrunk`.
    labels : ndarray of int, shape (m,)

    Returns
    -------
    tuple of float
        For a clip judged alone, for one of a voice that is known, and the log loss with these. Where all voices are as
        well known as one another, both are about the same.
    """
    weight = even_weights(labels, np.ones(len(labels), np.float32))
    exact, share = logits.astype(float), known.astype(float)  # slopes are taken over steps that float32 would not see

    def surprise(t: NDArray[np.float64]) -> float:
        divided = exact / temperature(t[0], t[1], share)[:, None]
        return float(-(weight * log_softmax(divided, axis=1)[np.arange(len(labels)), labels]).mean())

    best = minimize(surprise, (1.0, 1.0), bounds=[(0.2, 5.0)] * 2)
    return float(best.x[0]), float(best.x[1]), float(best.fun)


def judge(network: Network, heard: Dataset, options: config.Baselines) -> tuple[Floats, Floats]:
    """Logits (m, 6) of clips, each against a baseline that is always the same, and how well that is known (m,)."""
    embedded = network.embed(heard)  # (m, d)
    baseline, known = baseline_sampling.drawn(embedded, heard, np.random.default_rng(0), options)
    return np.asarray(network.head.predict([embedded, baseline], batch_size=1024, verbose=0), np.float32), known


def watched(network: Network, heard: Dataset, options: config.Baselines) -> dict[str, float]:
    """How well the network does on speakers that it does not learn from."""
    logits, known = judge(network, heard, options)
    alone, voiced, loss = temperatures(logits, known, heard.labels)
    right = logits.argmax(axis=1) == heard.labels
    recalls = [right[heard.labels == k].mean() for k in np.unique(heard.labels)]
    return {
        "watch_loss": round(loss, 4),
        "watch_accuracy": round(float(right.mean()), 4),
        "watch_uar": round(float(np.mean(recalls)), 4),
        "temperature": round(alone, 4),
        "temperature_known": round(voiced, 4),
    }


def fit(
    network: Network, learn: Dataset, watch: Dataset | None, conf: Config, folder: Path, tell: Tell
) -> runs.History:
    """Train until the end, or until the speakers set aside gain no more; return what each epoch brought.

    Parameters
    ----------
    network : Network
        Is left with the weights of the best epoch.
    learn : Dataset
    watch : Dataset, optional
        None: the last epoch is the best.
    conf : Config
    folder : Path
        Where each epoch's state goes; training goes on from the one that is there.
    tell : callable
        Is told what each epoch brought.
    """
    t = conf.training
    m = len(learn.labels)
    batch = min(t.batch, m)
    steps = m // batch  # what is left over is another part every epoch
    learner = network.learner()
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(t.learning_rate, t.epochs * steps), weight_decay=t.weight_decay
    )
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    state = learner.variables + optimizer.variables  # dropout's chance is among them
    mask, weight = learn.mask(), even_weights(learn.labels, learn.sample_weights)  # (m, t), (m,)

    history = runs.restore(folder / "last", state)
    with Progress() as progress:
        task = progress.add_task("training", total=t.epochs * steps, completed=len(history) * steps)
        for epoch in range(len(history), t.epochs):
            if t.patience and runs.epochs_since_best(history) >= t.patience:
                break
            started = time.monotonic()
            rng = np.random.default_rng([conf.seed, epoch])  # an epoch's chance is the same after a stop
            baseline, _ = baseline_sampling.drawn(network.embed(learn), learn, rng, conf.baselines)  # (m, d)
            ones, others = rng.permutation(m), rng.permutation(m)
            losses = []
            for step in range(steps):
                i, j = (order[step * batch : (step + 1) * batch] for order in (ones, others))  # (b,)
                share = rng.beta(t.mixup, t.mixup, batch).astype(np.float32) if t.mixup else np.ones(batch, np.float32)
                features = blend(learn.features[i], learn.features[j], share)  # (b, ...)
                if t.spec_augment:
                    features = np.stack([spec_augment(mel, rng, frames=30, bands=15) for mel in features])
                learner.reset_metrics()  # else some versions of Keras give the mean over all batches so far
                loss = learner.train_on_batch(
                    [
                        features,
                        np.maximum(mask[i], mask[j]) if t.mixup else mask[i],
                        blend(baseline[i], baseline[j], share),
                    ],
                    blend(learn.targets[i], learn.targets[j], share),
                    blend(weight[i], weight[j], share),
                )
                losses.append(float(loss))
                progress.advance(task)
            found = {"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 4)}
            if watch is not None:
                found |= watched(network, watch, conf.baselines)
            history.append({**found, "seconds": round(time.monotonic() - started, 1)})
            progress.console.print(*(f"{name} {figure:g}" for name, figure in history[-1].items()))
            if runs.epochs_since_best(history) == 0:
                runs.keep(folder / "best", state, history)
            tell(history[-1])
            runs.keep(folder / "last", state, history)
    runs.restore(folder / "best", state)
    return history


def train(conf: Config, rows: list[manifest.Row], run: Path, cache: Path = CACHE, log: str | None = None) -> Network:
    """Train what a configuration says on a manifest's clips; the result goes into the folder `run`, and is returned."""
    keras.utils.set_random_seed(conf.seed)
    keras.config.set_dtype_policy(conf.training.precision)
    network = networks.build(conf)
    learn_clips, watch_clips = chosen(rows, conf.data)
    ear = embedder(network, conf, cache)
    learn = listen(ear, learn_clips, conf, cache)
    watch = listen(ear, watch_clips, conf, cache) if watch_clips else None
    network.adapt(learn)
    with told(log, run, conf) as tell:
        history = fit(network, learn, watch, conf, run / "checkpoints", tell)

    best = runs.best(history)
    divisors = conf.serving.temperatures or (best["temperature"], best["temperature_known"])
    write_json(run / "history.json", history)
    with atomic_write(run / "model.keras") as unfinished:
        network.learner().save(unfinished)
    write_json(run / "facts.json", facts(conf, learn_clips, divisors, network.size))
    return network


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=remote_paths.source, required=True, help="see model/configs")
    parser.add_argument("--manifest", type=remote_paths.source, required=True, help="from model.ingest")
    parser.add_argument("--run", type=remote_paths.kept, required=True, help="a folder for what comes of it")
    parser.add_argument("--cache", type=remote_paths.kept, default=CACHE, help="where features are kept")
    parser.add_argument("--resume", action="store_true", help="go on with what is in RUN, if anything is")
    parser.add_argument(
        "--log",
        default=os.environ.get("EXPERIMENT_LOG"),
        metavar="ADDRESS",
        help="tell MLflow (sqlite:///runs/mlflow.db) or Vertex AI (vertex://PROJECT/LOCATION/EXPERIMENT) of each epoch"
        "; default: the environment's EXPERIMENT_LOG",
    )
    args = parser.parse_args()
    try:
        conf, rows = config.read(args.config), manifest.read(args.manifest)
        runs.begin(args.run, conf, args.manifest, args.resume)
        train(conf, rows, args.run, args.cache, args.log)
    except (ConfigError, CorpusError, LogError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"Next: python -m model export --run {args.run} --out {args.run / 'emotion.tflite'}")


if __name__ == "__main__":
    remote_paths.run(main)
