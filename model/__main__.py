"""Commands of the model life cycle: `python -m model COMMAND`."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "build": "pipeline.build",
    "call-flags": "evaluation.call_flags",
    "card": "evaluation.card",
    "compare": "evaluation.compare_models",
    "compare-canary": "deployment.compare_canary",
    "crossvalidate": "evaluation.crossvalidate",
    "drift": "evaluation.drift",
    "evaluate": "evaluation.evaluate",
    "export": "export.export",
    "export-detector": "export.silero",
    "features": "training.extract",
    "gates": "export.gates",
    "ingest": "data.ingest",
    "label": "data.labeling",
    "parity": "export.parity",
    "promote": "deployment.promote",
    "reference": "evaluation.reference",
    "register": "deployment.register",
    "retrain": "pipeline.retrain",
    "rollback": "deployment.rollback",
    "simulate": "evaluation.simulate",
    "speed": "export.speed",
    "step": "pipeline.steps",
    "synthesize": "tts.synthesize",
    "train": "training.train",
    "tune": "training.tune",
    "validate": "data.validate",
    "versions": "deployment.versions",
    "vertex": "deployment.vertex",
}

if __name__ == "__main__":
    command = sys.argv.pop(1)
    import_module(f"model.{COMMANDS[command]}").main()
