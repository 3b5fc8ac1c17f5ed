"""The training loop: train a network on a dataset, relative to sampled baselines.

Each epoch has four steps:

1. Embed every clip with the current network.
2. Sample a baseline for each clip from the embeddings of its speaker.
3. Train the network to classify the difference between embedding and baseline.
4. Evaluate the network on the held-out speakers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.optimize import minimize
from scipy.special import log_softmax

from callmood.emotion.model import temperature
from model import config
from model.augmentation.transforms import spec_augment
from model.config import Config
from model.features.dataset import Dataset
from model.networks import Network
from model.training import runs
from model.training.baseline_sampling import sample_baselines
from model.training.tracking import Logger

Floats = NDArray[np.float32]
BaselineDraw = Callable[[Floats, np.random.Generator], Floats]
"""(embeddings (m, d), rng) -> a baseline for each clip (m, d)."""


def balanced_weights(labels: NDArray[np.intp], sample_weights: Floats) -> Floats:
    """Scale sample weights so that all emotions have the same total: (m,) with mean 1.

    Training is balanced because the prior is applied later, by `EmotionModel.classify`.
    """
    emotions, number = np.unique(labels, return_inverse=True)
    share = sample_weights / np.bincount(number, sample_weights)[number]  # of its emotion
    return (len(labels) / len(emotions) * share).astype(np.float32)


def blend(one: NDArray[Any], other: NDArray[Any], share: Floats) -> NDArray[Any]:
    """Mix `share` (b,) of `one` with the rest of `other`, both (b, ...)."""
    share = share.reshape(-1, *[1] * (one.ndim - 1))
    mixed: NDArray[Any] = share * one + (1 - share) * other
    return mixed


def fit_temperatures(logits: Floats, weight: Floats, labels: NDArray[np.intp]) -> tuple[float, float, float]:
    """Find the two divisors of the logits that minimize the loss, as `EmotionModel.classify` applies them.

    Parameters
    ----------
    logits : ndarray of float32, shape (m, 6)
    weight : ndarray of float32, shape (m,)
        Weight of the speaker in the baseline of each clip; see `callmood.emotion.baseline.SpeakerBaseline.shrunk`.
    labels : ndarray of int, shape (m,)

    Returns
    -------
    tuple of float
        The temperature without a baseline, the temperature with a baseline of much speech, and the log loss with
        both. If all weights are equal, the two temperatures are about equal.
    """
    sample_weights = balanced_weights(labels, np.ones(len(labels), np.float32))
    # The optimizer's finite differences are below the resolution of float32.
    exact, share = logits.astype(float), weight.astype(float)

    def negative_log_likelihood(t: NDArray[np.float64]) -> float:
        divided = exact / temperature(t[0], t[1], share)[:, None]
        return float(-(sample_weights * log_softmax(divided, axis=1)[np.arange(len(labels)), labels]).mean())

    best = minimize(negative_log_likelihood, (1.0, 1.0), bounds=[(0.2, 5.0)] * 2)
    return float(best.x[0]), float(best.x[1]), float(best.fun)


def predict_logits(network: Network, dataset: Dataset, options: config.Baselines) -> tuple[Floats, Floats]:
    """Predict logits (m, 6) against baselines from a fixed seed, and return the baselines' speaker weights (m,) too."""
    embedded = network.embed(dataset)  # (m, d)
    baseline, weight = sample_baselines(embedded, dataset, np.random.default_rng(0), options)
    return np.asarray(network.head.predict([embedded, baseline], batch_size=1024, verbose=0), np.float32), weight


def evaluate_held_out(network: Network, dataset: Dataset, options: config.Baselines) -> dict[str, float]:
    """Compute the metrics on held-out speakers: loss, accuracy, UAR, and the two temperatures."""
    logits, weight = predict_logits(network, dataset, options)
    alone, with_baseline, loss = fit_temperatures(logits, weight, dataset.labels)
    correct = logits.argmax(axis=1) == dataset.labels
    recalls = [correct[dataset.labels == k].mean() for k in np.unique(dataset.labels)]
    return {
        "held_out_loss": round(loss, 4),
        "held_out_accuracy": round(float(correct.mean()), 4),
        "held_out_uar": round(float(np.mean(recalls)), 4),
        "temperature": round(alone, 4),
        "temperature_known": round(with_baseline, 4),
    }


def fit(
    network: Network,
    training: Dataset,
    held_out: Dataset | None,
    conf: Config,
    checkpoints: Path,
    log: Logger,
    draw_baselines: BaselineDraw | None = None,
) -> runs.History:
    """Train to the last epoch, or until the held-out loss stops improving, and return the metrics of each epoch.

    Parameters
    ----------
    network : Network
        Has the weights of the best epoch afterwards.
    training : Dataset
    held_out : Dataset, optional
        With None, the last epoch is the best one.
    conf : Config
    checkpoints : Path
        Folder of the checkpoints. Training continues from the last one.
    log : callable
        Receives the metrics of each epoch.
    draw_baselines : callable, optional
        Samples the baselines of an epoch. Default: `sample_baselines`.
    """
    options = conf.training
    draw = draw_baselines or (lambda embedded, rng: sample_baselines(embedded, training, rng, conf.baselines)[0])
    m = len(training.labels)
    batch = min(options.batch, m)
    steps = m // batch  # the remainder differs in each epoch
    model = network.trainable_model()
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(options.learning_rate, options.epochs * steps),
        weight_decay=options.weight_decay,
    )
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    state = model.variables + optimizer.variables  # includes the random state of dropout
    mask, weight = training.mask(), balanced_weights(training.labels, training.sample_weights)  # (m, t), (m,)

    history = runs.load_checkpoint(checkpoints / "last", state)
    with Progress() as progress:
        task = progress.add_task("training", total=options.epochs * steps, completed=len(history) * steps)
        for epoch in range(len(history), options.epochs):
            if options.patience and runs.epochs_since_best(history) >= options.patience:
                break
            started = time.monotonic()
            rng = np.random.default_rng([conf.seed, epoch])  # a resumed run repeats the epoch exactly
            baseline = draw(network.embed(training), rng)  # (m, d)
            ones, others = rng.permutation(m), rng.permutation(m)
            losses = []
            for step in range(steps):
                i, j = (order[step * batch : (step + 1) * batch] for order in (ones, others))  # (b,)
                share = (
                    rng.beta(options.mixup, options.mixup, batch).astype(np.float32)
                    if options.mixup
                    else np.ones(batch, np.float32)
                )
                features = blend(training.features[i], training.features[j], share)  # (b, ...)
                if options.spec_augment:
                    features = np.stack([spec_augment(mel, rng, frames=30, bands=15) for mel in features])
                model.reset_metrics()  # otherwise some Keras versions return the mean over all batches
                loss = model.train_on_batch(
                    [
                        features,
                        np.maximum(mask[i], mask[j]) if options.mixup else mask[i],
                        blend(baseline[i], baseline[j], share),
                    ],
                    blend(training.targets[i], training.targets[j], share),
                    blend(weight[i], weight[j], share),
                )
                losses.append(float(loss))
                progress.advance(task)
            metrics = {"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 4)}
            if held_out is not None:
                metrics |= evaluate_held_out(network, held_out, conf.baselines)
            history.append({**metrics, "seconds": round(time.monotonic() - started, 1)})
            progress.console.print(*(f"{name} {value:g}" for name, value in history[-1].items()))
            if runs.epochs_since_best(history) == 0:
                runs.save_checkpoint(checkpoints / "best", state, history)
            log(history[-1])
            runs.save_checkpoint(checkpoints / "last", state, history)
    runs.load_checkpoint(checkpoints / "best", state)
    return history
